import Compute
import DurableFiles
import Safetensors
import TestSupport
import Testing
import Transformer

/// Folders in and out: strict in both directions, every stored element type, shards, adapters.
@Suite struct LoadingTests {
    private let team: ThreadTeam
    private let folder: TestFolder

    init() throws {
        team = try ThreadTeam(threads: 1)
        folder = try TestFolder()
    }

    /// Saves a model under `name` and returns its folder.
    private func save(
        _ model: LanguageModel, _ name: String, _ options: ModelSaveOptions = ModelSaveOptions()
    ) throws -> String {
        var directory = try DurableDirectory(in: folder.path, name: name, temporaryName: name + ".tmp")
        try model.save(into: &directory, options, team: team)
        try directory.publish()
        return folder.path + "/" + name
    }

    private func values(_ model: LanguageModel) throws -> [Double] {
        try model.weights.entries.flatMap { try #require(model.weights[$0.role]?.value).doubles }
    }

    @Test(arguments: TinyModel.allCases, [TrainedTensors.all, .none])
    func savedModelsLoadEqual(_ kind: TinyModel, _ trained: TrainedTensors) throws {
        let model = try kind.model(team: team)
        let loaded = try LanguageModel(folder: save(model, "model"), trained: trained, team: team)
        // Saved as float32.
        #expect(mismatch(try values(loaded), try values(model), limit: isDoublePrecision ? 1e-6 : 0, "weights") == nil)
        if !isDoublePrecision { #expect(loaded.weights.convertedByteCount == 0, "frozen F32 weights stay mapped") }
    }

    @Test(arguments: [(SavedElement.bfloat16, 1.0 / 256), (.float16, 1.0 / 2048)])
    func halfPrecision(_ element: SavedElement, _ relative: Double) throws {
        let model = try TinyModel.untied.model(team: team)
        let path = try save(model, "half", ModelSaveOptions(element: element))
        let loaded = try LanguageModel(folder: path, team: team)
        let (saved, original) = (try values(loaded), try values(model))
        for (a, b) in zip(saved, original) { #expect(abs(a - b) <= relative * abs(b) + 1e-7) }
        // What has been rounded is saved again without loss.
        let again = try LanguageModel(
            folder: save(loaded, "again", ModelSaveOptions(element: element)), team: team)
        #expect(try values(again) == saved)
    }

    @Test func shards() throws {
        let model = try TinyModel.untied.model(layers: 3, team: team)
        let path = try save(model, "sharded", ModelSaveOptions(shardByteLimit: 4000))
        let names = try directoryNames(path).sorted()
        #expect(names.contains("model.safetensors.index.json") && !names.contains("model.safetensors"))
        #expect(names.filter { $0.hasSuffix(".safetensors") }.count > 2)
        let loaded = try LanguageModel(folder: path, team: team)
        #expect(mismatch(try values(loaded), try values(model), limit: isDoublePrecision ? 1e-6 : 0, "weights") == nil)
    }

    @Test func adaptersThereAndBack() throws {
        let settings = AdapterSettings(
            rank: 3, alpha: 6, targets: .named(["layers.1.mlp.down_proj", "q_proj"]), isRankStabilized: true,
            rankPattern: ["down_proj": 2], alphaPattern: ["q_proj": 1.5])
        let model = try TinyModel.tied.model(trained: .none, adapters: .fresh(settings, seed: 1), team: team)
        let store = try #require(model.parameters)
        let stream = RandomStream(seed: 2, stream: 3)
        for index in 0..<store.count { store.values[0, index] += Real(0.3 * stream.normal(UInt64(index))) }
        var directory = try DurableDirectory(in: folder.path, name: "adapter", temporaryName: "adapter.tmp")
        try model.saveAdapters(into: &directory, base: "base")
        try directory.publish()
        let opened = try AdapterFolder(folder.path + "/adapter")
        #expect(opened.settings == settings)
        let expected = try ModelRun(model, sequences: [tinyTokens(9, seed: 1)], recording: .none, team: team)
        expected.forward()
        for trained in [true, false] {
            let loaded = try TinyModel.tied.model(
                trained: .none, adapters: .loaded(opened, trained: trained), team: team)
            #expect((loaded.parameters != nil) == trained)
            let run = try ModelRun(loaded, sequences: [tinyTokens(9, seed: 1)], recording: .none, team: team)
            run.forward()
            let limit = isDoublePrecision ? 1e-6 : 0
            #expect(mismatch(run.logProbabilities, expected.logProbabilities, limit: limit, "scores") == nil)
        }
    }

    // MARK: Refusals

    /// Writes a checkpoint of the tied tiny model with its tensors changed by `edit`.
    private func checkpoint(_ edit: (inout [String: [Int]]) -> Void) throws -> String {
        let configuration = try TinyModel.tied.configuration()
        var shapes: [String: [Int]] = [:]
        for entry in WeightTable.entries(of: configuration) { shapes[entry.name] = entry.shape }
        edit(&shapes)
        var directory = try DurableDirectory(in: folder.path, name: "edited", temporaryName: "edited.tmp")
        try directory.add("config.json", configuration.encoded(elementType: "float32").text)
        let tensors = shapes.sorted { $0.key < $1.key }.map { name, shape in
            // The head's values differ from the embedding's.
            let value: Float = name == "lm_head.weight" ? 2 : 1
            return TensorToWrite(
                name: name, shape: shape, floats: [Float](repeating: value, count: shape.reduce(1, *)))
        }
        try directory.add("model.safetensors") { try SafetensorsWriter.write(tensors, to: &$0) }
        try directory.publish()
        return folder.path + "/edited"
    }

    private func refusal(_ path: String) -> String {
        let error = #expect(throws: (any Error).self) { try LanguageModel(folder: path, team: team) }
        return error.map { "\($0)" } ?? ""
    }

    @Test func aMissingTensorIsNamed() throws {
        let path = try checkpoint { $0["model.layers.1.mlp.up_proj.weight"] = nil }
        #expect(refusal(path).contains("model.layers.1.mlp.up_proj.weight is missing"))
    }

    @Test func anUnusedTensorIsNamed() throws {
        let path = try checkpoint { $0["model.layers.2.mlp.up_proj.weight"] = [20, 16] }
        #expect(refusal(path).contains("model.layers.2.mlp.up_proj.weight belongs to no part of this model"))
    }

    @Test func aWrongShapeIsNamed() throws {
        let path = try checkpoint { $0["model.norm.weight"] = [15] }
        #expect(refusal(path).contains("model.norm.weight has shape [15], expected [16]"))
    }

    @Test func aTransposedMatrixIsNoMatch() throws {
        let path = try checkpoint { $0["model.layers.0.mlp.up_proj.weight"] = [16, 20] }
        #expect(refusal(path).contains("has shape [16, 20], expected [20, 16]"))
    }

    @Test func aTiedHeadMustEqualTheEmbedding() throws {
        let path = try checkpoint { $0["lm_head.weight"] = [23, 16] }
        #expect(refusal(path).contains("tie_word_embeddings"))
    }

    @Test func tiedWeightsMayBeSavedUnderTheHeadsName() throws {
        let path = try checkpoint {
            $0["lm_head.weight"] = $0["model.embed_tokens.weight"]
            $0["model.embed_tokens.weight"] = nil
            $0["model.layers.0.self_attn.rotary_emb.inv_freq"] = [2]
        }
        let model = try LanguageModel(folder: path, team: team)
        #expect(model.embedding.weight.value[0, 0] == 2)
    }

    @Test func aFolderWithoutAModel() throws {
        #expect(refusal(folder.path).contains("config.json: no such file"))
    }

    @Test(arguments: [
        ("\"peft_type\": \"IA3\"", "peft_type: IA3 is not supported"),
        ("\"r\": 0", "r: found the integer 0"),
        ("\"lora_alpha\": -1", "lora_alpha"),
        ("\"lora_dropout\": 1.5", "lora_dropout"),
        ("\"bias\": \"all\"", "bias: all is not supported"),
        ("\"use_dora\": true", "use_dora"),
        ("\"modules_to_save\": [\"lm_head\"]", "modules_to_save: a list of 1 is not supported"),
        ("\"layers_to_transform\": [0]", "layers_to_transform"),
        ("\"init_lora_weights\": \"pissa\"", "pissa, which changes the base weights"),
        ("\"target_modules\": \".*proj\"", "the expression \".*proj\""),
        ("\"target_modules\": null", "target_modules: found nothing"),
        ("\"rank_pattern\": {\"^q\": 3}", "the expression \"^q\""),
        ("\"alpha_pattern\": {\"q_proj\": 0}", "alpha_pattern.q_proj"),
    ])
    func adapterRefusals(_ change: String, _ message: String) throws {
        let key = change.prefix { $0 != ":" }
        let keys = ["\"r\": 4", "\"lora_alpha\": 8", "\"target_modules\": [\"q_proj\"]"].filter { !$0.hasPrefix(key) }
        try folder.write("{" + (keys + [change]).joined(separator: ", ") + "}", to: "adapter_config.json")
        let error = #expect(throws: ModelError.self) { try AdapterFolder(folder.path) }
        let description = error.map { "\($0)" } ?? ""
        #expect(description.contains(message), "\(description)")
    }

    @Test func anUnknownTargetIsNamed() throws {
        let settings = AdapterSettings(rank: 2, alpha: 2, targets: .named(["q_proj", "c_attn"]))
        let error = #expect(throws: ModelError.self) {
            try TinyModel.tied.model(adapters: .fresh(settings, seed: 1), team: team)
        }
        #expect(error.map { "\($0)" }?.contains("c_attn names no linear of this model; it has q_proj") == true)
    }
}
