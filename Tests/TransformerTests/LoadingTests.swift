import Compute
import DurableFiles
import JSON
import Safetensors
import TestFolders
import TestSupport
import Testing
import Transformer

/// Folders in and out: strict in both directions, every stored element type, shards.
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

    /// Shards are mapped wherever there is room, so the weights of a layer may lie in another order than those of the
    /// layer before; memory that layers share must not depend on that.
    @Test(arguments: TinyModel.allCases) func orderOfTensorsInAFileDoesNotMatter(_ kind: TinyModel) throws {
        let model = try kind.model(layers: 3, team: team)
        let entries = model.weights.entries
        let orders = [
            entries, entries.reversed(), entries.moved("layers.1.self_attn.k_proj"), entries.moved("layers.0.self_attn.q"),
        ]
        let expected = try ModelRun(model, sequences: [tinyTokens(9, seed: 1)], recording: .none, team: team)
        expected.forward()
        let request = GenerationRequest(prompts: [tinyTokens(5, seed: 3)], maximumNewTokens: 6)
        for (number, order) in orders.enumerated() {
            var directory = try DurableDirectory(in: folder.path, name: "order\(number)", temporaryName: "order.tmp")
            try directory.add("config.json", model.configuration.encoded(elementType: "float32").text)
            let tensors = try order.map { entry in
                TensorToWrite(
                    name: entry.name, shape: entry.shape,
                    floats: try #require(model.weights[entry.role]?.value).doubles.map { Float($0) })
            }
            try directory.add("model.safetensors") { try SafetensorsWriter.write(tensors, order: .given, to: &$0) }
            try directory.publish()
            let loaded = try LanguageModel(folder: folder.path + "/order\(number)", team: team)
            let run = try ModelRun(loaded, sequences: [tinyTokens(9, seed: 1)], recording: .none, team: team)
            run.forward()
            #expect(mismatch(run.logProbabilities, expected.logProbabilities, limit: 1e-4, "order \(number)") == nil)
            #expect(try generated(loaded, request) == generated(model, request))
        }
    }

    private func generated(_ model: LanguageModel, _ request: GenerationRequest) throws -> [[Int32]] {
        let arena = try Arena(byteCount: model.generationByteCount(request, team: team))
        return try model.generate(request, Pass(), Context(arena: arena, team: team, gradients: [])) { _, _ in }
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
}

extension [WeightEntry] {
    /// The entries whose names contain `part` before all others.
    fileprivate func moved(_ part: String) -> [WeightEntry] {
        filter { $0.name.contains(part) } + filter { !$0.name.contains(part) }
    }
}
