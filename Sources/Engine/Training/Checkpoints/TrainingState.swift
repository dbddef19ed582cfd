/// state.json of a checkpoint: how far a run is. Random numbers need no state, they are computed from the step.
package struct TrainingState: Sendable, Hashable, Codable {
    /// The best evaluation so far, by the metric that `checkpoint.keep_best` names.
    package struct Best: Sendable, Hashable, Codable {
        package var metric: String
        package var value: Double
        package var step: Int
    }

    /// Optimizer steps done.
    package var step = 0
    /// Place in the training data.
    package var cursor: TrainingCursor
    /// Tokens that went through the model in training.
    package var tokens = 0
    /// Step of the newest evaluation; nil before the first.
    package var evaluatedStep: Int?
    /// Evaluation before the first step.
    package var initialMetrics: [String: Double] = [:]
    /// Newest evaluation.
    package var evaluationMetrics: [String: Double] = [:]
    /// Metrics of the newest step.
    package var stepMetrics: [String: Double] = [:]
    package var best: Best?

    package init(cursor: TrainingCursor) { self.cursor = cursor }
}
