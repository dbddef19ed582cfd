import Compute
import DurableFiles
import Glibc
import JobModel
import Safetensors
import TestFolders
import Testing
import Training
import Transformer

/// Runs of the toy in one process, interrupted and resumed at will.
struct ToyRun {
    let directory: RunDirectory
    var settings: TrainerSettings
    var evaluates = true
    var threads = 2
    var determinism = Determinism.strict

    static func settings(steps: Int = 8, everySteps: Int? = 3) -> TrainerSettings {
        var train = TrainSettings()
        train.steps = steps
        train.microbatch = 2
        train.accumulation = 3
        train.learningRate = 0.05
        train.schedule = .cosine
        train.warmup = .steps(2)
        train.weightDecay = 0.1
        train.clip = 0.5
        train.seed = 11
        var checkpoint = CheckpointSettings()
        checkpoint.everySteps = everySteps
        checkpoint.every = Milliseconds(seconds: 3600)
        checkpoint.keepBest = "eval_loss"
        var evaluate = EvaluateSettings()
        evaluate.everySteps = 4
        return TrainerSettings(train: train, evaluate: evaluate, checkpoint: checkpoint)
    }

    /// One attempt: trains until the end, or until `interruption` (given the number of the microbatch) throws.
    func attempt(
        fence: Int64 = 1, stop: StopSignal = StopSignal(), observer: any TrainingObserver = SilentObserver(),
        interruption: @escaping (Int) throws -> Void = { _ in }, duringEvaluation: @escaping (Int) -> Void = { _ in }
    ) throws -> (TrainingState, ToyTask) {
        let team = try ThreadTeam(threads: threads)
        let task = try ToyTask(evaluates: evaluates)
        task.interruption = interruption
        task.duringEvaluation = duringEvaluation
        let trainer = try Trainer(
            task, settings, in: directory, run: RunIdentity(job: 7, fence: fence, specSha256: "abc"),
            numerics: Numerics(build: "test", team: team), Context(arena: try Arena(byteCount: 1 << 16), team: team),
            stop: stop, observer: observer)
        return (try trainer.run(), task)
    }

    /// Everything that must be the same after any history: the final checkpoint without its manifest, and the metrics.
    func outcome() throws -> [String: String] {
        let last = directory.checkpoints + "/" + Checkpoint.name(ofStep: settings.train.steps ?? 0)
        var digests = ["metrics": SHA256.hex(of: try readFile(directory.metrics))]
        for name in try directoryNames(last) where name != CheckpointManifest.fileName {
            digests[name] = try SHA256.hex(ofFile: last + "/" + name).hex
        }
        return digests
    }
}

struct Crash: Error {}

@Suite struct ResumeTests {
    private func uninterrupted(_ settings: TrainerSettings) throws -> [String: String] {
        let scratch = try TestFolder()
        let run = ToyRun(directory: RunDirectory(scratch.path), settings: settings)
        _ = try run.attempt()
        return try run.outcome()
    }

    /// Killed (nothing saved at the end) at every microbatch of the run, then resumed: the same bytes.
    @Test(arguments: 0..<24)
    func killedAnywhere(microbatch: Int) throws {
        let scratch = try TestFolder()
        let run = ToyRun(directory: RunDirectory(scratch.path), settings: ToyRun.settings())
        #expect(throws: Crash.self) { try run.attempt { if $0 == microbatch { throw Crash() } } }
        _ = try run.attempt(fence: 2)
        #expect(try run.outcome() == uninterrupted(run.settings))
    }

    /// Stopped as asked after every microbatch, resumed, and stopped again at once many times.
    @Test(arguments: 0..<24)
    func stoppedAnywhere(microbatch: Int) throws {
        let scratch = try TestFolder()
        let run = ToyRun(directory: RunDirectory(scratch.path), settings: ToyRun.settings(everySteps: nil))
        let stop = StopSignal()
        #expect(throws: StopSignal.Stopped(mode: .checkpoint)) {
            try run.attempt(stop: stop) { if $0 == microbatch { stop.request(.checkpoint) } }
        }
        let newest = try #require(
            try CheckpointStore(run.directory.checkpoints, run: RunIdentity(job: 7, fence: 2, specSha256: "abc"))
                .steps().first)
        #expect(newest == microbatch / 3)
        _ = try run.attempt(fence: 2)
        #expect(try run.outcome() == uninterrupted(run.settings))
    }

    /// Stopped in the middle of each evaluation: before the first step, within the run, and after the last step, where
    /// the checkpoint is there already when the next attempt evaluates. Nothing that is left may tell.
    @Test(arguments: 0..<3, [2, nil])
    func stoppedInAnEvaluation(evaluation: Int, everySteps: Int?) throws {
        let scratch = try TestFolder()
        let run = ToyRun(directory: RunDirectory(scratch.path), settings: ToyRun.settings(everySteps: everySteps))
        for fence in 1...2 {
            let stop = StopSignal()
            #expect(throws: StopSignal.Stopped(mode: .checkpoint)) {
                // The second attempt begins with the evaluation that the first did not finish.
                try run.attempt(
                    fence: Int64(fence), stop: stop,
                    duringEvaluation: { if $0 == (fence == 1 ? evaluation : 0) { stop.request(.checkpoint) } })
            }
        }
        let store = try CheckpointStore(run.directory.checkpoints, run: RunIdentity(job: 7, fence: 3, specSha256: "abc"))
        #expect(try store.steps().first == evaluation * 4)
        let (state, task) = try run.attempt(fence: 3)
        #expect(task.microbatches == 24 - evaluation * 12 && state.evaluatedStep == 8)
        #expect(try run.outcome() == uninterrupted(run.settings))
        #expect(try directoryNames(run.directory.checkpoints).allSatisfy { !$0.hasPrefix(".") })
    }

    @Test func everyStepAnAttemptOfItsOwn() throws {
        let scratch = try TestFolder()
        let run = ToyRun(directory: RunDirectory(scratch.path), settings: ToyRun.settings(everySteps: nil))
        for attempt in 0..<7 {
            let stop = StopSignal()
            #expect(throws: StopSignal.Stopped.self) {
                try run.attempt(fence: Int64(attempt), stop: stop) { if $0 == 4 { stop.request(.checkpoint) } }
            }
        }
        _ = try run.attempt(fence: 9)
        #expect(try run.outcome() == uninterrupted(run.settings))
    }

    @Test func finishedRunIsNotTrainedAgain() throws {
        let scratch = try TestFolder()
        let run = ToyRun(directory: RunDirectory(scratch.path), settings: ToyRun.settings())
        let first = try run.attempt().0
        let (state, task) = try run.attempt(fence: 2)
        #expect(state == first)
        #expect(task.microbatches == 0)
        #expect(state.initialMetrics["loss"] != state.evaluationMetrics["loss"])
    }

    @Test func stopNowSavesNothing() throws {
        let scratch = try TestFolder()
        let run = ToyRun(directory: RunDirectory(scratch.path), settings: ToyRun.settings(everySteps: nil))
        let stop = StopSignal()
        #expect(throws: StopSignal.Stopped(mode: .now)) {
            try run.attempt(stop: stop) { if $0 == 10 { stop.request(.now) } }
        }
        #expect(try directoryNames(run.directory.checkpoints) == ["step-000000000"])
    }

    @Test func otherNumericsAreRefusedWhenStrict() throws {
        let scratch = try TestFolder()
        var run = ToyRun(directory: RunDirectory(scratch.path), settings: ToyRun.settings(), threads: 2)
        #expect(throws: Crash.self) { try run.attempt { if $0 == 10 { throw Crash() } } }
        run.threads = 1
        let error = #expect(throws: TrainingError.self) { try run.attempt(fence: 2) }
        #expect(error == .numericsDiffer(["threads: 2 then, 1 now"]))
        run.settings.determinism = .relaxed
        _ = try run.attempt(fence: 3)
    }

    @Test func otherDataIsRefused() throws {
        let scratch = try TestFolder()
        var run = ToyRun(directory: RunDirectory(scratch.path), settings: ToyRun.settings())
        #expect(throws: Crash.self) { try run.attempt { if $0 == 10 { throw Crash() } } }
        run.settings.train.seed = 12
        #expect(throws: TrainingError.self) { try run.attempt(fence: 2) }
    }

    @Test func divergenceNamesStepAndRows() throws {
        let scratch = try TestFolder()
        var run = ToyRun(directory: RunDirectory(scratch.path), settings: ToyRun.settings())
        run.settings.train.learningRate = 1e30
        run.settings.train.warmup = .steps(0)
        let error = #expect(throws: TrainingError.self) { try run.attempt() }
        guard case .diverged(let step, _, let rows)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(step > 1)
        #expect(rows.count == 6)
    }
}

@Suite struct CorruptionTests {
    private func interruptedRun(_ scratch: TestFolder) throws -> ToyRun {
        let run = ToyRun(directory: RunDirectory(scratch.path), settings: ToyRun.settings(everySteps: 2))
        #expect(throws: Crash.self) { try run.attempt { if $0 == 20 { throw Crash() } } }
        return run
    }

    private final class Notes: TrainingObserver {
        nonisolated(unsafe) var texts: [String] = []
        func began(_ phase: WorkerPhase) {}
        func progressed(_ progress: ProgressEvent) {}
        func saved(_ checkpoint: CheckpointEvent) {}
        func failedToSave(errno: Int32) {}
        func noted(_ text: String) { texts.append(text) }
    }

    /// One damage to the newest checkpoint; the one before must be used, and the end must be the same.
    @Test(
        arguments: ["model.safetensors", "optimizer.safetensors", "state.json", "MANIFEST.json"],
        ["flip", "truncate", "remove", "swap"])
    func damagedCheckpointIsSetAside(file: String, damage: String) throws {
        let scratch = try TestFolder()
        let run = try interruptedRun(scratch)
        let path = run.directory.checkpoints + "/step-000000006/" + file
        var bytes = try readFile(path)
        switch damage {
        case "flip":
            bytes[bytes.count / 2] ^= 0x10
            try durableWrite(bytes, to: path)
        case "truncate": try durableWrite(Array(bytes.dropLast()), to: path)
        case "swap": try durableWrite(readFile(run.directory.checkpoints + "/step-000000004/" + file), to: path)
        default: try removeTree(path)
        }
        let notes = Notes()
        _ = try run.attempt(fence: 2, observer: notes)
        // A flipped bit inside the manifest may leave it readable; then it is not damage to the content.
        if !(file == "MANIFEST.json" && damage == "flip") {
            #expect(try directoryNames(run.directory.checkpoints).contains(".corrupt-step-000000006"))
            #expect(notes.texts.contains("resumed from step-000000004"))
        }
        let fresh = try TestFolder()
        let straight = ToyRun(directory: RunDirectory(fresh.path), settings: run.settings)
        _ = try straight.attempt()
        #expect(try run.outcome() == straight.outcome())
    }

    @Test func checkpointOfAnotherJobIsNotLoaded() throws {
        let scratch = try TestFolder()
        let run = try interruptedRun(scratch)
        for identity in [
            RunIdentity(job: 8, fence: 2, specSha256: "abc"), RunIdentity(job: 7, fence: 2, specSha256: "xyz"),
        ] {
            let path = run.directory.checkpoints + "/step-000000006"
            #expect(throws: CheckpointError.self) { try Checkpoint(verifying: path, for: identity, interruption: {}) }
        }
    }

    @Test func manifestCannotNameFilesElsewhere() throws {
        let scratch = try TestFolder()
        let run = try interruptedRun(scratch)
        let path = run.directory.checkpoints + "/step-000000006/MANIFEST.json"
        let text = String(decoding: try readFile(path), as: UTF8.self)
        try durableWrite(text.replacing("state.json", with: "../../../etc/passwd"), to: path)
        #expect(throws: CheckpointError.self) {
            try Checkpoint(
                verifying: run.directory.checkpoints + "/step-000000006",
                for: RunIdentity(job: 7, fence: 2, specSha256: "abc"), interruption: {})
        }
    }

    @Test func nothingValidMeansFromTheBeginning() throws {
        let scratch = try TestFolder()
        let run = try interruptedRun(scratch)
        for name in try directoryNames(run.directory.checkpoints) {
            try durableWrite("{}", to: run.directory.checkpoints + "/" + name + "/MANIFEST.json")
        }
        let (state, _) = try run.attempt(fence: 2)
        #expect(state.step == 8)
        let fresh = try TestFolder()
        let straight = ToyRun(directory: RunDirectory(fresh.path), settings: run.settings)
        _ = try straight.attempt()
        #expect(try run.outcome() == straight.outcome())
    }
}

@Suite struct RetentionTests {
    @Test func keepsLastBestAndEvery() throws {
        let scratch = try TestFolder()
        var settings = ToyRun.settings(steps: 20, everySteps: 1)
        settings.checkpoint.keepLast = 2
        settings.checkpoint.keepEvery = 6
        settings.evaluate.everySteps = 5
        let run = ToyRun(directory: RunDirectory(scratch.path), settings: settings)
        let state = try run.attempt().0
        let best = try #require(state.best?.step)
        let kept = try directoryNames(run.directory.checkpoints).compactMap { Checkpoint.step(ofName: $0) }
        #expect(Set(kept) == Set([0, 6, 12, 18, 19, 20, best]))
    }

    @Test func leftoversOfAKilledAttemptAreSwept() throws {
        let scratch = try TestFolder()
        let path = scratch.path + "/checkpoints"
        try makeDirectory(path + "/.tmp-step-000000003.1")
        try makeDirectory(path + "/.del-step-000000001/x")
        try makeDirectory(path + "/.corrupt-step-000000002")
        _ = try CheckpointStore(path, run: RunIdentity(job: 1, fence: 1, specSha256: ""))
        #expect(try directoryNames(path) == [".corrupt-step-000000002"])
    }

    @Test(arguments: [(0, "step-000000000"), (12345, "step-000012345"), (1_234_567_890, "step-1234567890")])
    func namesGoBothWays(step: Int, name: String) {
        #expect(Checkpoint.name(ofStep: step) == name)
        #expect(Checkpoint.step(ofName: name) == step)
        #expect(Checkpoint.step(ofName: name + "x") == nil)
    }
}
