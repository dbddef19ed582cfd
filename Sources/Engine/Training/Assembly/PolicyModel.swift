package import Compute
package import DurableFiles
package import JobModel
import Safetensors
package import Transformer

/// The model that is trained, in whichever way: all of its weights, or adapters beside frozen ones.
///
/// Knows how its trained part is saved, read back and published; losses are not its business.
package struct PolicyModel {
    package let model: LanguageModel
    package let store: ParameterStore
    /// Where tokenizer and companions come from.
    package let folder: ModelFolder
    /// Keeps the activations of blocks or computes them again.
    package let recording: DecoderStack.Recording

    private let adapter: JobModel.AdapterSettings?
    private let team: ThreadTeam

    package init(
        _ model: LanguageModel, folder: ModelFolder, adapter: JobModel.AdapterSettings?, recompute: Bool,
        team: ThreadTeam
    ) throws {
        guard let store = model.parameters else { throw TrainingError.nothingToTrain }
        self.model = model
        self.store = store
        self.folder = folder
        self.adapter = adapter
        recording = recompute ? .blockInputs : .full
        self.team = team
    }

    /// Opens the starting model of a specification.
    package init(_ spec: JobSpec, _ inputs: JobInputs, team: ThreadTeam) throws {
        let path = try inputs.required(.model)
        let plan: AdapterPlan
        if spec.adapter?.start != nil {
            plan = .loaded(try AdapterFolder(inputs.required(.adapterStart)), trained: true)
        } else if let adapter = spec.adapter {
            plan = .fresh(
                Transformer.AdapterSettings(adapter),
                seed: Randomness.initialization.stream(seed: spec.train.seed, index: 0).bits(0))
        } else {
            plan = .none
        }
        let model = try LanguageModel(
            folder: path, trained: spec.adapter == nil ? .all : .none, adapters: plan, team: team)
        try self.init(
            model, folder: ModelFolder(path, chatTemplate: inputs[.chatTemplate]), adapter: spec.adapter, recompute: spec.train.recompute, team: team)
    }

    package var hasAdapters: Bool { adapter != nil }

    /// Whether the starting model is this one with its adapters off: not where modules are trained whole.
    var isBaseWithoutAdapters: Bool { model.adapters.map { !$0.replacesModules } ?? false }

    /// What is trained, for the log of a job.
    package func description(start: String?) -> String {
        let own = model.weights.entries.reduce(0) { $0 + $1.count }
        guard let settings = model.adapters?.settings else { return "trains all \(own) parameters" }
        var words = ["rank \(settings.rank), alpha \(settings.alpha)"]
        if settings.isRankStabilized { words.append("rank-stabilised") }
        if settings.dropout > 0 { words.append("dropout \(settings.dropout)") }
        if !settings.modulesToSave.isEmpty {
            words.append("whole modules: \(settings.modulesToSave.joined(separator: ", "))")
        }
        return "trains \(store.count) parameters beside \(own): adapter of \(words.joined(separator: ", ")); "
            + "it starts \(start.map { "from \($0)" } ?? "as its base")"
    }

    /// Random numbers of adapter dropout for one microbatch of the run; nil without dropout.
    package func pass(seed: Int64, step: Int, microbatch: Int) -> Pass {
        guard let rate = model.adapters?.settings.dropout, rate > 0 else { return Pass() }
        return Pass(dropout: Randomness.dropout.stream(seed: seed, index: step << 16 | microbatch))
    }
}

// MARK: - Files

extension PolicyModel {
    private static let weights = "model.safetensors"
    private static let adapterWeights = "adapter_model.safetensors"

    /// The trained part, in the form that other tools load.
    package func write(into directory: inout DurableDirectory) throws {
        if hasAdapters {
            try model.saveAdapters(into: &directory, base: folder.path)
        } else {
            try model.save(into: &directory, ModelSaveOptions(shardByteLimit: .max), team: team)
        }
    }

    /// Reads back what `write` wrote.
    package func read(from path: String) throws {
        let name = hasAdapters ? Self.adapterWeights : Self.weights
        try store.read(store.values, from: SafetensorsFile(path + "/" + name))
    }

    /// A whole model folder, or an adapter folder with the merged model beside it where that is asked for.
    package func export(into directory: inout DurableDirectory, card: String) throws {
        if hasAdapters {
            try model.saveAdapters(into: &directory, base: folder.path)
            if adapter?.merge == true {
                try directory.addDirectory("merged") { merged in
                    try model.save(into: &merged, ModelSaveOptions(), team: team)
                    try folder.copyCompanions(into: &merged)
                }
            }
        } else {
            try model.save(into: &directory, team: team)
        }
        try FailPoint.io("export.after_weights", directory.temporaryPath)
        try folder.copyCompanions(into: &directory)
        if !hasAdapters && fileKind(folder.path + "/generation_config.json") == .missing {
            try directory.add("generation_config.json", generationConfiguration)
        }
        try directory.add("README.md", card)
    }

    private var generationConfiguration: String {
        var members: [String] = []
        if let id = model.configuration.beginOfSequenceID { members.append("  \"bos_token_id\": \(id)") }
        let ends = model.configuration.endOfSequenceIDs.map { String($0) }.joined(separator: ", ")
        if !ends.isEmpty { members.append("  \"eos_token_id\": [\(ends)]") }
        return "{\n\(members.joined(separator: ",\n"))\n}\n"
    }
}
