import Compute
import DurableFiles
import JobModel
import Safetensors
import TestFolders
import Tokenization
import Training
import Transformer

/// A small model with a tokenizer, rows for it, and what jobs make of them.
struct InspectionFixture {
    let scratch: TestFolder
    let team: ThreadTeam
    let vocabularySize: Int

    var model: String { scratch.path + "/model" }
    var pairs: String { scratch.path + "/pairs.jsonl" }
    var texts: String { scratch.path + "/texts.jsonl" }

    init(tied: Bool = true) throws {
        scratch = try TestFolder()
        team = try ThreadTeam(threads: 1)
        vocabularySize = try Self.makeModel(in: scratch.path, tied: tied, team)
        try durableWrite(
            (0..<8).map { "{\"prompt\":\"a fox \($0)\",\"chosen\":\" runs now\",\"rejected\":\" sits\"}\n" }.joined(),
            to: pairs)
        try durableWrite(
            (0..<6).map { "{\"text\":\"the red fox \($0) runs here and sits there\"}\n" }.joined(), to: texts)
    }

    private static func makeModel(in path: String, tied: Bool, _ team: ThreadTeam) throws -> Int {
        var trainer = try BytePairTrainer(BytePairTrainer.Settings(vocabularySize: 270))
        trainer.add("the red fox runs here and the blue dog sits there")
        let trained = trainer.train()
        let configuration = try ModelConfiguration(
            vocabularySize: trained.vocabularySize, hiddenSize: 16, intermediateSize: 24, layerCount: 3, headCount: 4,
            keyValueHeadCount: 2, trainedLength: 64, tiesEmbeddings: tied, initializerRange: 0.3)
        var directory = try DurableDirectory(in: path, name: "model", temporaryName: ".model")
        try LanguageModel(configuration, from: .random(seed: 3), trained: .all, team: team)
            .save(into: &directory, team: team)
        try directory.add("tokenizer.json") { try $0.write(trained.tokenizerJSON) }
        try directory.add("tokenizer_config.json") { try $0.write(trained.configurationJSON) }
        try directory.publish()
        return trained.vocabularySize
    }

    /// A job on the model, with `change` made to its specification.
    func spec(_ method: Method, _ change: (inout JobSpec) -> Void = { _ in }) -> JobSpec {
        var spec = JobSpec(name: "tiny", method: method)
        spec.model = .path(model, sha256: nil)
        spec.dataset.train = [.path(method == .dpo ? pairs : texts, sha256: nil)]
        spec.train.steps = 2
        spec.train.microbatch = 2
        spec.train.accumulation = 2
        change(&spec)
        if method == .dpo { spec.reference = spec.adapter == nil ? .cached : .adapterOff }
        return spec
    }

    /// Embedding, three layers of q, k, v, o, three MLP matrices and two norms, the final norm, a head unless tied.
    func parameterCount(tied: Bool) -> Int {
        let layer: Int = 16 * 16 + 2 * 8 * 16 + 16 * 16 + 3 * 16 * 24 + 2 * 16
        return vocabularySize * 16 * (tied ? 1 : 2) + 3 * layer + 16
    }

    /// Rank 2 beside q, o (16→16), k, v (16→8), gate, up (16→24) and down (24→16) of three layers.
    static let adapterCount: Int = 3 * 2 * (2 * 32 + 2 * 24 + 3 * 40)

    static let adapter: JobModel.AdapterSettings = {
        var adapter = JobModel.AdapterSettings()
        adapter.rank = 2
        return adapter
    }()

    /// Runs a job; the folder of its artifacts.
    func artifacts(_ spec: JobSpec) throws -> String {
        let directory = scratch.path + "/run"
        try makeDirectory(directory)
        let run = JobRun(
            spec, in: RunDirectory(directory), identity: RunIdentity(job: 1, fence: 1, specSha256: "s"), team: team,
            build: "test", stop: StopSignal(), observer: SilentObserver())
        _ = try run.run(JobInputs(paths: spec)) { WorkerUsage(cpuMs: 0, maxRss: 0) }
        return directory + "/artifacts"
    }

    func inspect(_ path: String, model: String? = nil, spec: JobSpec? = nil) throws -> Inspection {
        try inspect([path], model: model, spec: spec)
    }

    func inspect(_ paths: [String], model: String? = nil, spec: JobSpec? = nil) throws -> Inspection {
        try Inspector(paths, model: model, spec: spec, team: team).inspect()
    }

    /// Replaces one text by another in a file.
    func change(_ file: String, _ old: String, _ new: String) throws {
        let text = String(decoding: try readFile(file), as: UTF8.self)
        try durableWrite(text.replacing(old, with: new), to: file)
    }

    /// Writes the model's weights again, changed.
    func rewriteWeights(_ change: (inout [(name: String, shape: [Int], floats: [Float])]) -> Void) throws {
        let file = model + "/model.safetensors"
        let files = try WeightFiles(file: file)
        var tensors = try files.names.map { name in
            let tensor = try files.tensor(name)
            return (name: name, shape: tensor.shape, floats: try tensor.floats())
        }
        change(&tensors)
        var output = try HashingFile(creating: scratch.path + "/new.safetensors")
        try SafetensorsWriter.write(
            tensors.map { TensorToWrite(name: $0.0, shape: $0.1, floats: $0.2) }, to: &output)
        _ = try output.finish(name: "model.safetensors")
        try durableRename(scratch.path + "/new.safetensors", to: file)
    }
}

extension Inspection {
    /// Messages of one severity in one text.
    func messages(_ severity: Problem.Severity) -> String {
        problems.filter { $0.severity == severity }.map(\.message).joined(separator: "\n")
    }

    /// The value of a fact.
    func fact(_ title: String, _ name: String) -> Fact? {
        sections.first { $0.title == title }?.facts.first { $0.name == name }?.value
    }
}
