import Foundation
package import JobModel

/// The learning rate of every optimizer step: a warmup from 0, then constant, linear to 0, or half a cosine to 0.
///
/// The same factors as the schedulers of transformers, so that curves can be compared: the first step of a run with
/// warmup has rate 0.
package struct LearningRateSchedule: Sendable, Hashable {
    package let peak: Double
    package let shape: Schedule
    package let warmup: Int
    package let total: Int

    /// - Parameter total: optimizer steps of the whole run.
    package init(_ settings: TrainSettings, total: Int) {
        self.init(
            peak: settings.learningRate, shape: settings.schedule, warmup: settings.warmup.steps(of: total),
            total: total)
    }

    package init(peak: Double, shape: Schedule, warmup: Int, total: Int) {
        self.peak = peak
        self.shape = shape
        self.warmup = warmup
        self.total = total
    }

    /// The rate of the update that follows `step` finished updates.
    package func rate(after step: Int) -> Double {
        if step < warmup { return peak * Double(step) / Double(warmup) }
        return peak * decay(progress: Double(step - warmup) / Double(max(1, total - warmup)))
    }

    private func decay(progress: Double) -> Double {
        switch shape {
        case .constant: 1
        case .linear: max(0, 1 - progress)
        case .cosine: max(0, 0.5 * (1 + cos(.pi * progress)))
        }
    }
}
