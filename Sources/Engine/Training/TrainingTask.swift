package import DurableFiles
package import Safetensors
package import Transformer

/// What a method adds to the training loop: rows, their loss and gradient, evaluation, and the form of its weights.
///
/// The loop is the same for all methods. Add a method by adding a conformer in Tasks/.
package protocol TrainingTask: AnyObject {
    /// What is trained.
    var parameters: ParameterStore { get }
    /// Number of training rows.
    var rowCount: Int { get }
    /// Digest of the rows as they are trained on, tokenizer and lengths included.
    var datasetSha256: String { get }
    /// Whether there are rows to evaluate on.
    var evaluates: Bool { get }

    /// What a row counts for in the mean of an optimizer step: 1 for a pair, its target tokens for a language model.
    func weight(ofRow row: Int) throws -> Int

    /// Once before the microbatches of a step: what is better done for all its rows together.
    func prepare(_ step: StepRows, _ stop: StopSignal) throws

    /// Adds the gradient of Σ row losses / `step.weight` for the rows of one microbatch to the parameters' gradients.
    ///
    /// Returns the number of tokens that went through the model. The same step gives the same bits, whatever was asked
    /// for before.
    func accumulate(_ microbatch: Int, of step: StepRows) throws -> Int

    /// Metrics of everything accumulated since the last call; `loss` is the mean over the whole step.
    func takeStepMetrics() -> [String: Double]

    /// Metrics over the evaluation rows, without prefix.
    func evaluate(_ stop: StopSignal) throws -> [String: Double]

    /// Weights and configuration in the form that other tools load.
    func writeWeights(into directory: inout DurableDirectory) throws

    /// Reads back what `writeWeights` wrote.
    func readWeights(from path: String) throws

    /// State beside the parameters that a resumed run needs; empty for most methods.
    func stateTensors() -> [TensorToWrite]

    /// Restores `stateTensors`; nil when the checkpoint has none.
    func restoreState(from file: SafetensorsFile?) throws

    /// Publishes what the job is for into a directory that appears when it is complete.
    func export(into directory: inout DurableDirectory, after state: TrainingState) throws
    /// Whether the log and the last evaluation of the run are published beside that.
    var publishesLogs: Bool { get }
}

extension TrainingTask {
    package func prepare(_ step: StepRows, _ stop: StopSignal) throws {}
    package var publishesLogs: Bool { false }
    package func stateTensors() -> [TensorToWrite] { [] }
    package func restoreState(from file: SafetensorsFile?) throws {}
}

/// The rows of one optimizer step.
package struct StepRows: Sendable {
    /// Optimizer steps finished before this one.
    package let step: Int
    package let microbatches: [[Int]]
    /// Sum of the rows' weights: the denominator of the step's mean loss.
    package let weight: Double

    package init(step: Int, microbatches: [[Int]], weight: Double) {
        self.step = step
        self.microbatches = microbatches
        self.weight = weight
    }

    package var rows: [Int] { microbatches.flatMap { $0 } }
}
