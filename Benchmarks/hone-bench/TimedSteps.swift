import ArgumentParser
import Compute
import DurableFiles
import JobModel
import Synchronization
import Training

/// Optimizer steps of a job specification, by the trainer that runs jobs; no checkpoints, no metrics file.
struct TimedSteps: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steps", abstract: "Times optimizer steps of a job.")

    @Argument(help: "A job specification with absolute paths, as JSON.") var specification: String
    @Option(help: "A folder for the run's caches.") var directory: String
    @OptionGroup var repetitions: Repetitions

    func run() throws {
        var spec = try JobSpec.decode(readFile(specification, limit: 1 << 20), format: .json, paths: .anywhere)
        // One step more than is run: the last would write metrics.
        spec.train.epochs = nil
        spec.train.steps = repetitions.warmup + repetitions.repeats + 1
        spec.train.logEvery = .max
        let team = try ThreadTeam(threads: repetitions.threads, products: spec.products)
        let observer = StepObserver()
        let assembly = TaskAssembly(
            spec, JobInputs(paths: spec), in: RunDirectory(directory), team: team, stop: StopSignal(),
            observer: observer)
        try time(try assembly.task(), spec, team, observer)
    }

    private func time<Task: TrainingTask>(
        _ task: Task, _ spec: JobSpec, _ team: ThreadTeam, _ observer: StepObserver
    ) throws {
        let trainer = try Trainer(
            task, TrainerSettings(spec), in: RunDirectory(directory),
            run: RunIdentity(job: 1, fence: 1, specSha256: ""), numerics: Numerics(build: "bench", team: team),
            Context(arena: try Arena(byteCount: 1 << 12), team: team, gradients: []), stop: StopSignal(),
            observer: observer)
        try task.restoreState(from: nil)
        let seconds = try seconds(repetitions) { try trainer.takeStep() }
        let steps = observer.steps
        try Measurement(
            seconds: seconds, losses: steps.map(\.loss), tokens: steps.last.map { $0.tokens }, threads: team.threads
        ).write()
    }
}

/// Remembers what steps report.
private final class StepObserver: TrainingObserver {
    struct Step {
        let loss: Double
        /// Of this step alone.
        let tokens: Int
        let allTokens: Int
    }

    private let state = Mutex<[Step]>([])

    var steps: [Step] { state.withLock { $0 } }

    func progressed(_ progress: ProgressEvent) {
        let all = Int(progress.metrics?["num_tokens"] ?? 0)
        state.withLock { steps in
            steps.append(
                Step(loss: progress.loss ?? .nan, tokens: all - (steps.last?.allTokens ?? 0), allTokens: all))
        }
    }

    func began(_ phase: WorkerPhase) {}
    func saved(_ checkpoint: CheckpointEvent) {}
    func failedToSave(errno: Int32) {}
    func noted(_ text: String) {}
}
