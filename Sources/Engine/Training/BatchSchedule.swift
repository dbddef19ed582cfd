import Datasets
package import JobModel

/// Which rows every optimizer step sees: the endless shuffled order of all rows, cut into steps and microbatches.
///
/// All of it is computed from (seed, step): the place in the data is a number, and nothing has to be remembered to
/// resume. With a number of epochs the last step takes what is left of them.
package struct BatchSchedule {
    package let rowCount: Int
    package let seed: Int64
    /// Rows that go through the model at a time.
    package let microbatch: Int
    /// Rows of a full optimizer step.
    package let rowsPerStep: Int
    package let totalSteps: Int

    private let totalRows: Int?
    private var order: ExampleOrder

    /// - Parameters:
    ///   - epochs: passes over the rows; or else
    ///   - steps: optimizer steps.
    package init(rowCount: Int, seed: Int64, microbatch: Int, accumulation: Int, epochs: Int?, steps: Int?) {
        self.rowCount = rowCount
        self.seed = seed
        self.microbatch = microbatch
        rowsPerStep = microbatch * accumulation
        totalRows = steps == nil ? (epochs ?? 1) * rowCount : nil
        totalSteps = steps ?? ((epochs ?? 1) * rowCount + rowsPerStep - 1) / rowsPerStep
        order = ExampleOrder(count: rowCount, seed: UInt64(bitPattern: seed))
    }

    package init(rowCount: Int, _ train: TrainSettings) {
        self.init(
            rowCount: rowCount, seed: train.seed, microbatch: train.microbatch, accumulation: train.accumulation,
            epochs: train.epochs, steps: train.steps)
    }

    /// Optimizer steps until every row was seen, the last one possibly going on into the next epoch.
    package var stepsPerEpoch: Int { (rowCount + rowsPerStep - 1) / rowsPerStep }

    /// Epochs finished after `step` optimizer steps.
    package func epoch(after step: Int) -> Double { Double(rowsSeen(after: step)) / Double(rowCount) }

    /// The place in the data after `step` optimizer steps.
    package func cursor(after step: Int, datasetSha256: String) -> TrainingCursor {
        let (epoch, index) = rowsSeen(after: step).quotientAndRemainder(dividingBy: rowCount)
        return TrainingCursor(datasetSha256: datasetSha256, seed: seed, epoch: epoch, index: index)
    }

    /// The microbatches of the step that follows `step` finished ones; each is a list of row numbers.
    package mutating func microbatches(after step: Int) -> [[Int]] {
        let (epoch, index) = rowsSeen(after: step).quotientAndRemainder(dividingBy: rowCount)
        if order.cursor != DataCursor(epoch: epoch, index: index) {
            order = ExampleOrder(
                count: rowCount, seed: UInt64(bitPattern: seed), cursor: DataCursor(epoch: epoch, index: index))
        }
        let rows = order.next(rowsSeen(after: step + 1) - rowsSeen(after: step))
        return stride(from: 0, to: rows.count, by: microbatch).map { start in
            Array(rows[start..<min(start + microbatch, rows.count)])
        }
    }

    private func rowsSeen(after step: Int) -> Int {
        min(step * rowsPerStep, totalRows ?? .max)
    }
}

/// A place in the training data, together with what the data is.
package struct TrainingCursor: Sendable, Hashable, Codable {
    /// Digest of the rows as they are trained on.
    package let datasetSha256: String
    package let seed: Int64
    package let epoch: Int
    /// Rows of this epoch that were seen.
    package let index: Int
}

extension TrainSettings {
    /// Rows of one full optimizer step.
    var rowsPerStep: Int { microbatch * accumulation }
}
