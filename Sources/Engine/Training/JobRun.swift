package import Compute
import DurableFiles
import Foundation
package import JobModel

/// One attempt at a job: assemble, train, publish, and write the result. Everything an attempt does between taking the
/// run's lock and its exit.
package struct JobRun {
    package let spec: JobSpec
    package let directory: RunDirectory
    package let identity: RunIdentity
    package let team: ThreadTeam
    /// Version of the program, for the record.
    package let build: String
    package let stop: StopSignal
    package let observer: any TrainingObserver

    package init(
        _ spec: JobSpec, in directory: RunDirectory, identity: RunIdentity, team: ThreadTeam, build: String,
        stop: StopSignal, observer: any TrainingObserver
    ) {
        self.spec = spec
        self.directory = directory
        self.identity = identity
        self.team = team
        self.build = build
        self.stop = stop
        self.observer = observer
    }

    /// Runs to the end and returns what was written to result.json.
    ///
    /// Throws `StopSignal.Stopped` when it was asked to stop, after saving.
    package func run(_ inputs: JobInputs, usage: () -> WorkerUsage) throws -> ResultRecord {
        if let word = spec.fallback(of: team) { observer.noted(word) }
        let assembly = TaskAssembly(
            spec, inputs, in: directory, team: team, stop: stop, observer: observer)
        return try run(try assembly.task(), usage: usage)
    }

    private func run<Task: TrainingTask>(_ task: Task, usage: () -> WorkerUsage) throws -> ResultRecord {
        let trainer = try Trainer(
            task, TrainerSettings(spec), in: directory, run: identity, numerics: Numerics(build: build, team: team),
            Context(arena: try Arena(byteCount: 1 << 12), team: team, gradients: []), stop: stop, observer: observer)
        let state = try trainer.run()
        let artifacts = try publish(task, after: state)
        let result = result(state, artifacts, usage: usage())
        try FailPoint.io("result.before_write", directory.result)
        try durableCreate(try JSONCoding.encode(result), at: directory.result)
        FailPoint.reach("result.after_write")
        return result
    }

    /// Artifacts appear whole. Those of an attempt that died before its result are replaced: without a result nobody
    /// may rely on them, and the same bytes come again.
    private func publish<Task: TrainingTask>(_ task: Task, after state: TrainingState) throws -> [WrittenFile] {
        observer.began(.export)
        try FailPoint.io("export.begin", directory.path)
        if fileKind(directory.artifacts) != .missing {
            let old = directory.path + "/.del-artifacts"
            try removeTree(old)
            try durableRename(directory.artifacts, to: old)
            try removeTree(old)
        }
        var artifacts = try DurableDirectory(in: directory.path, name: "artifacts", temporaryName: "artifacts.tmp")
        try task.export(into: &artifacts, after: state)
        if task.publishesLogs { try addLogs(to: &artifacts, after: state) }
        try stop.check()
        try FailPoint.io("export.before_rename", directory.path)
        try artifacts.publish()
        FailPoint.reach("export.after_rename")
        return artifacts.files
    }

    /// How a compressor was trained and what it measured, beside it: both are the same bytes in a resumed run.
    private func addLogs(to artifacts: inout DurableDirectory, after state: TrainingState) throws {
        try artifacts.add("train_log.jsonl", copying: directory.metrics)
        let evaluation = try JSONCoding.encode(evaluation(state.evaluationMetrics))
        try artifacts.add("eval.json") { try $0.write(evaluation) }
    }

    private func result(_ state: TrainingState, _ files: [WrittenFile], usage: WorkerUsage) -> ResultRecord {
        var metrics = state.stepMetrics.merging(evaluation(state.evaluationMetrics)) { mine, _ in mine }
        if let best = state.best {
            metrics["best_step"] = Double(best.step)
            metrics["best_" + best.metric] = best.value
        }
        return ResultRecord(
            job: identity.job, name: spec.name, method: spec.method, specSha256: identity.specSha256,
            fence: identity.fence, outcome: .success, steps: Int64(state.step),
            initialMetrics: evaluation(state.initialMetrics), metrics: metrics,
            artifacts: files.sorted { $0.name < $1.name }.map {
                ResultRecord.Artifact(name: $0.name, bytes: Int64($0.bytes), sha256: $0.sha256)
            },
            usage: usage, finished: Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)))
    }

    private func evaluation(_ metrics: [String: Double]) -> [String: Double] {
        Dictionary(uniqueKeysWithValues: metrics.map { ("eval_" + $0.key, $0.value) })
    }
}
