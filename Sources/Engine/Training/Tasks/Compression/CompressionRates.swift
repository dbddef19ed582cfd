import Compute
import JobModel

/// Which rates the rows of a step are compressed at: a pure function of (seed, step, place in the step).
struct CompressionRates: Sendable {
    let settings: GMSARateSettings
    let seed: Int64

    /// Samples that one row makes.
    var samplesPerRow: Int { settings.sampling == .all ? settings.train.count : 1 }

    /// The rate that makes the most soft tokens.
    var lowest: Int { settings.train.min() ?? 1 }

    /// The rates of one row.
    ///
    /// - Parameter place: number of the row in its step.
    func rates(step: Int, place: Int) -> [Int] {
        switch settings.sampling {
        case .fixed: [settings.train[0]]
        case .all: settings.train
        case .batch: [draw(step, 0)]
        case .sample: [draw(step, place)]
        }
    }

    private func draw(_ step: Int, _ place: Int) -> Int {
        settings.train[Randomness.rates.stream(seed: seed, index: step).below(settings.train.count, UInt64(place))]
    }
}

extension StepRows {
    /// Every row of a microbatch with its place in the step.
    func placedRows(_ microbatch: Int) -> [(row: Int, place: Int)] {
        let before = microbatches.prefix(microbatch).reduce(0) { $0 + $1.count }
        return microbatches[microbatch].enumerated().map { ($1, before + $0) }
    }
}
