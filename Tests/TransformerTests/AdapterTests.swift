import Compute
import DurableFiles
import JSON
import Safetensors
import TestFolders
import TestSupport
import Testing
import Transformer

/// Adapter folders of PEFT: what their settings mean, there and back, refusals.
@Suite struct AdapterTests {
    private let team: ThreadTeam
    private let folder: TestFolder

    init() throws {
        team = try ThreadTeam(threads: 1)
        folder = try TestFolder()
    }

    /// Moves every trained number away from where it starts.
    private func shake(_ model: LanguageModel) throws {
        let store = try #require(model.parameters)
        let stream = RandomStream(seed: 2, stream: 3)
        for index in 0..<store.count { store.values[0, index] += Real(0.3 * stream.normal(UInt64(index))) }
    }

    private func saveAdapters(of model: LanguageModel) throws -> AdapterFolder {
        var directory = try DurableDirectory(in: folder.path, name: "adapter", temporaryName: "adapter.tmp")
        try model.saveAdapters(into: &directory, base: "base")
        try directory.publish()
        return try AdapterFolder(folder.path + "/adapter")
    }

    private func scores(_ model: LanguageModel) throws -> [Double] {
        let run = try ModelRun(model, sequences: [tinyTokens(9, seed: 1)], recording: .none, team: team)
        run.forward()
        return run.logProbabilities
    }

    // MARK: There and back

    private static let patterned = AdapterSettings(
        rank: 3, alpha: 6, targets: .named(["layers.1.mlp.down_proj", "q_proj"]), isRankStabilized: true,
        rankPattern: ["down_proj": 2], alphaPattern: ["q_proj": 1.5])
    private static let whole = AdapterSettings(
        rank: 2, alpha: 4, targets: .expression(".*\\.(q|v)_proj"),
        modulesToSave: ["embed_tokens", "lm_head", "model.norm", "layers.0.mlp"])

    @Test(arguments: [
        patterned, whole,
        AdapterSettings(
            rank: 2, alpha: 2, targets: .named(["k_proj", "q_proj", "up_proj"]),
            exclusions: .named(["layers.1.mlp.up_proj", "q_proj"])),
        AdapterSettings(rank: 2, alpha: 2, targets: .named(["k_proj"]), layers: [1]),
    ],
        [TinyModel.tied, .untied, .biased])
    func thereAndBack(_ settings: AdapterSettings, _ kind: TinyModel) throws {
        let model = try kind.model(trained: .none, adapters: .fresh(settings, seed: 1), team: team)
        try shake(model)
        let opened = try saveAdapters(of: model)
        #expect(opened.settings == settings)
        let expected = try scores(model)
        let limit = isDoublePrecision ? 1e-5 : 0
        for trained in [true, false] {
            let loaded = try kind.model(trained: .none, adapters: .loaded(opened, trained: trained), team: team)
            #expect((loaded.parameters != nil) == trained)
            #expect(mismatch(try scores(loaded), expected, limit: limit, "scores") == nil)
        }
        // The merged model is one without adapters that says the same; its head may have become one of its own.
        var directory = try DurableDirectory(in: folder.path, name: "merged", temporaryName: "merged.tmp")
        try model.save(into: &directory, ModelSaveOptions(), team: team)
        try directory.publish()
        let merged = try LanguageModel(folder: folder.path + "/merged", team: team)
        #expect(mismatch(try scores(merged), expected, limit: 1e-4, "merged") == nil)
        let unties = settings == Self.whole && kind == .tied
        #expect(merged.configuration.tiesEmbeddings == (kind == .tied && !unties))
    }

    /// Blocks share the memory of a pass that keeps nothing or only their inputs; each may have adapters of its own size.
    @Test(arguments: [["layers.0.*": 2, "layers.1.*": 7], ["layers.0.*": 7, "layers.1.*": 2]])
    func layersOfDifferentRanks(_ ranks: [String: Int]) throws {
        let settings = AdapterSettings(rank: 1, alpha: 3, dropout: 0.2, rankPattern: ranks)
        let model = try TinyModel.untied.model(layers: 3, trained: .none, adapters: .fresh(settings, seed: 1), team: team)
        try shake(model)
        let runs = try [DecoderStack.Recording.full, .blockInputs].map {
            try ModelRun(
                model, sequences: [tinyTokens(9, seed: 1)], recording: $0,
                pass: Pass(dropout: RandomStream(seed: 1, stream: 1)), team: team)
        }
        let store = try #require(model.parameters)
        let gradients = try runs.map { run in
            run.forward()
            run.meanLossGradients()
            return try #require(store.gradients).doubles
        }
        #expect(runs[0].logProbabilities == runs[1].logProbabilities && gradients[0] == gradients[1])
        let plain = try ModelRun(model, sequences: [tinyTokens(9, seed: 1)], recording: .none, team: team)
        let kept = try ModelRun(model, sequences: [tinyTokens(9, seed: 1)], recording: .full, team: team)
        plain.forward()
        kept.forward()
        #expect(plain.logProbabilities == kept.logProbabilities)
    }

    @Test(arguments: [TinyModel.tied, .biased]) func freshWholeModulesChangeNothing(_ kind: TinyModel) throws {
        let base = try scores(kind.model(trained: .none, team: team))
        let model = try LanguageModel(
            folder: saved(kind), adapters: .fresh(Self.whole, seed: 1), team: team)
        // Weights in a file may be multiplied in other groups than those in memory.
        #expect(mismatch(try scores(model), base, limit: 1e-5, "scores") == nil)
        #expect(model.adapters?.replacesModules == true)
    }

    private func saved(_ kind: TinyModel) throws -> String {
        var directory = try DurableDirectory(in: folder.path, name: "base", temporaryName: "base.tmp")
        try kind.model(team: team).save(into: &directory, team: team)
        try directory.publish()
        return folder.path + "/base"
    }

    // MARK: What settings mean

    /// The modules of a tied model of two layers that PEFT adapts, by the end of their names.
    @Test(arguments: [
        ("\"target_modules\": [\"q_proj\"]", ["0.q", "1.q"]),
        ("\"target_modules\": [\"q_proj\", \"no_such_module\"]", ["0.q", "1.q"]),
        ("\"target_modules\": [\"self_attn.q_proj\", \"layers.1.self_attn.k_proj\"]", ["0.q", "1.k", "1.q"]),
        ("\"target_modules\": \".*\\\\.(q|v)_proj\"", ["0.q", "0.v", "1.q", "1.v"]),
        ("\"target_modules\": \"^model\\\\.layers\\\\.1\\\\.self_attn\\\\.[kq]_proj$\"", ["1.k", "1.q"]),
        // A whole name is meant: the shorter branch of an alternation does not end the match.
        ("\"target_modules\": \".*(q|q_proj)\"", ["0.q", "1.q"]),
        ("\"target_modules\": [\"q_proj\"], \"layers_to_transform\": 1", ["1.q"]),
        ("\"target_modules\": [\"q_proj\"], \"layers_to_transform\": [0], \"layers_pattern\": \"layers\"", ["0.q"]),
        // A whole name is not restricted to layers.
        ("\"target_modules\": [\"model.layers.1.self_attn.q_proj\", \"k_proj\"], \"layers_to_transform\": [0]", ["0.k", "1.q"]),
        ("\"target_modules\": [\"q_proj\", \"k_proj\"], \"modules_to_save\": [\"q_proj\"]", ["0.k", "1.k"]),
        ("\"target_modules\": [\"q_proj\", \"k_proj\"], \"exclude_modules\": [\"k_proj\"]", ["0.q", "1.q"]),
        ("\"target_modules\": [\"q_proj\"], \"exclude_modules\": [\"layers.0.self_attn.q_proj\"]", ["1.q"]),
        ("\"target_modules\": [\"q_proj\"], \"exclude_modules\": \".*layers\\\\.1\\\\..*\"", ["0.q"]),
        ("\"target_modules\": [\"q_proj\", \"lm_head\"], \"exclude_modules\": [\"lm_head\"]", ["0.q", "1.q"]),
        ("\"target_modules\": [\"q_proj\"], \"exclude_modules\": [\"proj\"]", ["0.q", "1.q"]),
    ])
    func targets(_ change: String, _ expected: [String]) throws {
        #expect(try adapted(change).map(\.0).sorted() == expected)
    }

    @Test(arguments: [
        ("\"rank_pattern\": {\"q_proj\": 3}", ["0.k": 4, "0.q": 3, "1.k": 4, "1.q": 3]),
        ("\"rank_pattern\": {\"layers.1.self_attn.q_proj\": 5, \"q_proj\": 3}", ["0.k": 4, "0.q": 3, "1.k": 4, "1.q": 5]),
        // The first in the order of the text wins, as in a file that PEFT has written.
        ("\"rank_pattern\": {\"self_attn.q_proj\": 5, \"q_proj\": 3}", ["0.k": 4, "0.q": 3, "1.k": 4, "1.q": 3]),
        ("\"rank_pattern\": {\"layers\\\\.1\\\\..*\": 6}", ["0.k": 4, "0.q": 4, "1.k": 6, "1.q": 6]),
        ("\"rank_pattern\": {\"^model.layers.0.*\": 7}", ["0.k": 7, "0.q": 7, "1.k": 4, "1.q": 4]),
        ("\"rank_pattern\": {\"proj\": 7}", ["0.k": 4, "0.q": 4, "1.k": 4, "1.q": 4]),
    ])
    func rankPatterns(_ change: String, _ expected: [String: Int]) throws {
        let found = try adapted("\"target_modules\": [\"q_proj\", \"k_proj\"], " + change)
        #expect(Dictionary(uniqueKeysWithValues: found) == expected)
    }

    /// Adapted linears as "layer.letter" with their ranks.
    private func adapted(_ change: String) throws -> [(String, Int)] {
        let settings = try settings(change).settings
        let model = try TinyModel.tied.model(
            trained: .none, adapters: .loaded(folder(of: settings), trained: true), team: team)
        return try #require(model.parameters).entries.filter { $0.name.hasSuffix(".lora_A.weight") }.map {
            let parts = $0.name.split(separator: ".")
            return ("\(parts[4]).\(parts[6].prefix(1))", $0.rows)
        }
    }

    /// A folder with tensors for `settings`.
    private func folder(of settings: AdapterSettings) throws -> AdapterFolder {
        var known = settings
        if case .named(let names) = settings.targets {
            known.targets = .named(names.filter { $0 != "no_such_module" })
        }
        let model = try TinyModel.tied.model(trained: .none, adapters: .fresh(known, seed: 1), team: team)
        var directory = try DurableDirectory(in: folder.path, name: "made", temporaryName: "made.tmp")
        try model.saveAdapters(into: &directory, base: "base")
        try directory.publish()
        return try AdapterFolder(folder.path + "/made")
    }

    private func settings(_ change: String) throws -> (settings: AdapterSettings, path: String) {
        let keys = ["\"r\": 4", "\"lora_alpha\": 8", "\"target_modules\": [\"q_proj\"]"].filter {
            !change.contains($0.prefix { $0 != ":" } + ":")
        }
        try folder.write("adapter_config.json", "{" + (keys + [change]).joined(separator: ", ") + "}")
        try folder.write("adapter_model.safetensors", "")
        let json = try JSONValue.read(folder.path + "/adapter_config.json", hint: "")
        return (try AdapterSettings(json, file: "adapter_config.json"), folder.path)
    }

    // MARK: Refusals

    @Test(arguments: [
        ("\"peft_type\": \"IA3\"", "peft_type: IA3 is not supported"),
        ("\"r\": 0", "r: found the integer 0"),
        ("\"lora_alpha\": -1", "lora_alpha"),
        ("\"lora_dropout\": 1.5", "lora_dropout"),
        ("\"bias\": \"all\"", "bias: all is not supported"),
        ("\"use_dora\": true", "use_dora"),
        ("\"ensure_weight_tying\": true", "ensure_weight_tying"),
        ("\"trainable_token_indices\": [1]", "trainable_token_indices: a list of 1"),
        ("\"exclude_modules\": 3", "exclude_modules"),
        ("\"target_parameters\": [\"x\"]", "target_parameters"),
        ("\"a_feature_of_tomorrow\": true", "a_feature_of_tomorrow"),
        ("\"modules_to_save\": [\"lm_.*\"]", "the expression \"lm_.*\""),
        ("\"modules_to_save\": \"lm_head\"", "modules_to_save"),
        ("\"layers_to_transform\": [-1]", "layers_to_transform"),
        ("\"target_modules\": \".*proj\", \"layers_to_transform\": [0]", "layers_to_transform"),
        ("\"layers_pattern\": \"h\"", "layers_pattern"),
        ("\"init_lora_weights\": \"pissa\"", "pissa, which changes the base weights"),
        ("\"target_modules\": null", "target_modules: found nothing"),
        ("\"alpha_pattern\": {\"q_proj\": 0}", "alpha_pattern.q_proj"),
        ("\"rank_pattern\": {\"q_proj\": 1.5}", "rank_pattern.q_proj"),
    ])
    func refusals(_ change: String, _ message: String) throws {
        let error = #expect(throws: ModelError.self) { try settings(change) }
        let description = error.map { "\($0)" } ?? ""
        #expect(description.contains(message), "\(description)")
    }

    /// Settings that only a model can refuse.
    @Test(arguments: [
        (AdapterSettings(rank: 2, alpha: 2, targets: .named(["q_proj", "c_attn"])),
            "c_attn names no linear of this model; it has q_proj"),
        (AdapterSettings(rank: 2, alpha: 2, targets: .named(["lm_head"])), "an adapter beside lm_head is not supported"),
        (AdapterSettings(rank: 2, alpha: 2, targets: .expression(".*(q_proj|embed_tokens)")),
            "an adapter beside model.embed_tokens is not supported"),
        (AdapterSettings(rank: 2, alpha: 2, targets: .expression(".*no_such")), "no linear of the model is a target"),
        (AdapterSettings(rank: 2, alpha: 2, targets: .named(["q_proj"]), exclusions: .named(["q_proj"])),
            "no linear of the model is a target"),
        (AdapterSettings(rank: 2, alpha: 2, exclusions: .expression("(q")), "exclude_modules"),
        (AdapterSettings(rank: 2, alpha: 2, targets: .expression("(?<!x)q_proj")), "in the expression \"(?<!x)q_proj\""),
        (AdapterSettings(rank: 2, alpha: 2, rankPattern: ["(q": 3]), "rank_pattern"),
        (AdapterSettings(rank: 2, alpha: 2, layers: [7]), "layers_to_transform: found 7, expected layers from 0 to 1"),
        (AdapterSettings(rank: 2, alpha: 2, modulesToSave: ["wte"]), "wte names no"),
        (AdapterSettings(rank: 2, alpha: 2, targets: .named(["q_proj"]), modulesToSave: ["proj"]),
            "is both a target and a module to save"),
    ])
    func refusedByTheModel(_ settings: AdapterSettings, _ message: String) throws {
        let error = #expect(throws: ModelError.self) {
            try TinyModel.tied.model(adapters: .fresh(settings, seed: 1), team: team)
        }
        let description = error.map { "\($0)" } ?? ""
        #expect(description.contains(message), "\(description)")
    }

    /// Adapter tensors are taken as strictly as a checkpoint's.
    @Test func tensorsThatDoNotFitAreNamed() throws {
        let settings = AdapterSettings(rank: 2, alpha: 2, targets: .named(["q_proj"]), modulesToSave: ["model.norm"])
        let made = try folder(of: settings)
        let other = AdapterSettings(rank: 2, alpha: 2, targets: .named(["q_proj"]))
        var directory = try DurableDirectory(in: folder.path, name: "mixed", temporaryName: "mixed.tmp")
        try directory.add("adapter_config.json", other.encoded(base: "base").text)
        try directory.add("adapter_model.safetensors", copying: made.path + "/adapter_model.safetensors")
        try directory.publish()
        let error = #expect(throws: ModelError.self) {
            try TinyModel.tied.model(
                adapters: .loaded(AdapterFolder(folder.path + "/mixed"), trained: false), team: team)
        }
        #expect(error.map { "\($0)" }?.contains("base_model.model.model.norm.weight belongs to no part") == true)
    }

    /// Nothing an expression says makes matching slow.
    @Test(.timeLimit(.minutes(1))) func hostileExpressions() throws {
        func model(_ expression: String) throws -> LanguageModel {
            try TinyModel.tied.model(
                adapters: .fresh(AdapterSettings(rank: 1, alpha: 1, targets: .expression(expression)), seed: 1),
                team: team)
        }
        for expression in ["(a*)*b", "(.*.*)*x", "(([a-z]|.)*)*_proj"] {
            #expect(throws: ModelError.self) { try model(expression) }
        }
        #expect(try model("(([a-z]|.)+)+_proj").parameters != nil)
    }
}
