import Compute
import Datasets
import DurableFiles
import JobModel
import TestFolders
import Testing
import Training
import Transformer

/// Preference runs on a random model of two layers, with letters for tokens.
final class TinyRun {
    static let vocabularySize = 40
    let scratch: TestFolder
    let team: ThreadTeam
    var spec: JobSpec
    let folder: String

    init(_ objective: Objective, adapter: JobModel.AdapterSettings? = nil, rows: Int = 7, threads: Int = 2) throws {
        scratch = try TestFolder()
        team = try ThreadTeam(threads: threads)
        spec = JobSpec(name: "tiny", method: .dpo)
        spec.objective = objective
        spec.adapter = adapter
        spec.train.steps = 5
        spec.train.microbatch = 2
        spec.train.accumulation = 2
        spec.train.learningRate = 0.01
        spec.train.seed = 5
        spec.checkpoint.everySteps = 2
        spec.checkpoint.every = Milliseconds(seconds: 3600)
        folder = scratch.path + "/model"
        try makeModel()
        try makeData(rows: rows)
    }

    private func makeModel() throws {
        let configuration = try ModelConfiguration(
            vocabularySize: Self.vocabularySize, hiddenSize: 16, intermediateSize: 24, layerCount: 2, headCount: 4,
            keyValueHeadCount: 2, trainedLength: 64, tiesEmbeddings: false, initializerRange: 0.3)
        let model = try LanguageModel(configuration, from: .random(seed: 3), trained: .all, team: team)
        var directory = try DurableDirectory(in: scratch.path, name: "model", temporaryName: ".model")
        try model.save(into: &directory, team: team)
        try directory.publish()
    }

    private func makeData(rows: Int) throws {
        var lines = ""
        for row in 0..<rows {
            let letters = "abcdefghijklmnopqrstuvwxyz"
            func text(_ count: Int, _ salt: Int) -> String {
                String((0..<count).map { Array(letters)[(row * 7 + $0 * (salt + 3) + salt) % 26] })
            }
            let fields = [("prompt", 3 + row % 4, 1), ("chosen", 2 + row % 5, 2), ("rejected", 1 + row % 3, 4)]
            lines += "{" + fields.map { "\"\($0.0)\":\"\(text($0.1, $0.2))\"" }.joined(separator: ",") + "}\n"
        }
        try durableWrite(lines, to: scratch.path + "/data.jsonl")
    }

    static let codec = TextCodec(
        beginningOfSequence: 1, endOfSequence: 2, digest: "letters",
        encode: { text, special in (special ? [1] : []) + text.utf8.map { Int32($0 % 32) + 4 } },
        encodeWithRanges: { text in
            (text.utf8.map { Int32($0 % 32) + 4 }, text.utf8.indices.enumerated().map { $0.offset..<$0.offset + 1 })
        },
        decode: { "\($0)" })

    private func examples() throws -> PairExamples {
        try PairExamples(
            Dataset(scratch.path + "/data.jsonl"),
            PairEncoder(codec: Self.codec, settings: EncodingSettings(maximumLength: 32)))
    }

    private var plan: PreferencePlan {
        switch spec.objective {
        case .tiDPO(let objective): PreferencePlan(objective)
        case .dpo(let objective): PreferencePlan(objective)
        default: PreferencePlan(DPOObjective())
        }
    }

    /// A task as a new process would make it.
    func task() throws -> PreferenceTask {
        let adapters: AdapterPlan =
            spec.adapter.map {
                .fresh(Transformer.AdapterSettings($0), seed: 9)
            } ?? .none
        let model = try LanguageModel(
            folder: folder, trained: spec.adapter == nil ? .all : .none, adapters: adapters, team: team)
        let policy = try PolicyModel(
            model, folder: ModelFolder(folder), adapter: spec.adapter, recompute: spec.train.recompute, team: team)
        let reference =
            spec.adapter == nil
            ? ReferenceModel(try LanguageModel(folder: folder, team: team), isStart: true)
            : ReferenceModel(model, adapters: .off, isStart: true)
        let workspace = Workspace(team: team)
        let scorer = PreferenceScorer(
            policy: policy, reference: reference, plan: plan, sharesPrompts: spec.train.prefixSharing,
            workspace: workspace)
        return PreferenceTask(
            spec, scorer, isReferenceCached: false, training: try examples(), evaluation: try examples(),
            references: (.live, .live), workspace: workspace)
    }

    func train(in directory: String, stop: StopSignal = StopSignal(), observer: any TrainingObserver = SilentObserver())
        throws
    {
        let trainer = try Trainer(
            task(), TrainerSettings(spec), in: RunDirectory(directory),
            run: RunIdentity(job: 1, fence: 1, specSha256: "s"), numerics: Numerics(build: "test", team: team),
            Context(arena: try Arena(byteCount: 1 << 12), team: team), stop: stop, observer: observer)
        _ = try trainer.run()
    }

    /// Digests of the final checkpoint without its manifest, and of the metrics.
    func outcome(in directory: String) throws -> [String: String] {
        let last = directory + "/checkpoints/" + Checkpoint.name(ofStep: spec.train.steps ?? 0)
        var digests = ["metrics": SHA256.hex(of: try readFile(directory + "/metrics.jsonl"))]
        for name in try directoryNames(last) where name != CheckpointManifest.fileName {
            digests[name] = try SHA256.hex(ofFile: last + "/" + name).hex
        }
        return digests
    }

    /// Gradients and metrics of the first optimizer step, with the rows divided into these microbatches.
    func firstStep(_ microbatches: [[Int]]) throws -> (gradients: [Double], loss: Double) {
        let task = try task()
        let step = StepRows(step: 0, microbatches: microbatches, weight: Double(microbatches.joined().count))
        try task.prepare(step, StopSignal())
        task.parameters.zeroGradients(team)
        for index in microbatches.indices { _ = try task.accumulate(index, of: step) }
        let gradients = try #require(task.parameters.gradients)
        return ((0..<gradients.count).map { Double(gradients.base[$0]) }, task.takeStepMetrics()["loss"] ?? .nan)
    }
}

/// Stops a run once a given step is done.
final class StopAfter: TrainingObserver {
    let step: Int64
    let stop: StopSignal

    init(step: Int64, _ stop: StopSignal) {
        self.step = step
        self.stop = stop
    }

    func began(_ phase: WorkerPhase) {}
    func progressed(_ progress: ProgressEvent) { if progress.step >= step { stop.request(.checkpoint) } }
    func saved(_ checkpoint: CheckpointEvent) {}
    func failedToSave(errno: Int32) {}
    func noted(_ text: String) {}
}

/// Largest difference relative to the largest value.
func distance(_ a: [Double], _ b: [Double]) -> Double {
    let scale = a.reduce(0) { max($0, abs($1)) }
    return zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } / max(scale, 1e-30)
}
