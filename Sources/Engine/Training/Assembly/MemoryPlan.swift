import Compute
package import JobModel
package import Transformer

/// A task that can tell its largest pass before it runs.
package protocol MemoryPlanning {
    /// Bytes of working memory for the longest rows of the data.
    var largestPassByteCount: Int { get }
}

/// What a job will need, computed by the code that will use it.
package struct MemoryPlan: Sendable, Hashable, Codable {
    /// Bytes of memory: mapped weights, parameters, gradients, moments, working memory, and the program itself.
    package var memory: Int
    /// Bytes of one checkpoint.
    package var checkpoint: Int
    /// Bytes of the published artifacts.
    package var artifacts: Int
    /// Optimizer steps in all.
    package var steps: Int

    /// Code, tokenizer, data index and thread stacks.
    private static let program = 96 << 20

    package init<Task: TrainingTask & MemoryPlanning>(_ task: Task, models: [LanguageModel], _ spec: JobSpec) {
        let trained = task.parameters.count * MemoryLayout<Real>.stride
        // Frozen weights are mapped, a copy in memory all the same while they are used.
        let all = models.reduce(0) { $0 + $1.weights.entries.reduce(0) { $0 + $1.count } } * MemoryLayout<Real>.stride
        let published = models.first.map { $0.weights.entries.reduce(0) { $0 + $1.count } * 4 } ?? 0
        memory = all + 4 * trained + task.largestPassByteCount * 5 / 4 + Self.program
        checkpoint = (spec.adapter == nil ? published : trained) + 2 * trained
        artifacts = spec.adapter.map { trained + ($0.merge ? published : 0) } ?? published
        steps =
            BatchSchedule(
                rowCount: task.rowCount, seed: spec.train.seed, microbatch: spec.train.microbatch,
                accumulation: spec.train.accumulation, epochs: spec.train.epochs, steps: spec.train.steps
            ).totalSteps
    }
}
