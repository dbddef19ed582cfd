import Compute
import JobModel

/// Which rates the rows of a step are compressed at: a pure function of (seed, step, place in the step).
///
/// A curriculum trains its rates first, one after the other; each of them and the rest get an equal share of the steps.
struct CompressionRates: Sendable {
    let settings: GMSARateSettings
    let seed: Int64
    let totalSteps: Int

    /// Samples that one row counts for in the mean of a step.
    var samplesPerRow: Int { settings.samplesPerRow }

    /// The rates of one row.
    ///
    /// - Parameter place: number of the row in its step.
    func rates(step: Int, place: Int) -> [Int] {
        if let rate = curriculumRate(step) { return [rate] }
        return switch settings.sampling {
        case .fixed: [settings.train[0]]
        case .all: settings.train
        case .batch: [draw(step, 0)]
        case .sample: [draw(step, place)]
        }
    }

    /// What one sample of a step weighs: more than 1 where a row counts for more samples than it makes.
    func share(step: Int) -> Double { curriculumRate(step) == nil ? 1 : Double(samplesPerRow) }

    private func curriculumRate(_ step: Int) -> Int? {
        let phases = settings.curriculum.count + 1
        let phase = min(step * phases / max(1, totalSteps), phases - 1)
        return phase < settings.curriculum.count ? settings.curriculum[phase] : nil
    }

    private func draw(_ step: Int, _ place: Int) -> Int {
        settings.train[Randomness.rates.stream(seed: seed, index: step).below(settings.train.count, UInt64(place))]
    }
}

extension GMSARateSettings {
    /// Samples that one row makes.
    var samplesPerRow: Int { sampling == .all ? train.count : 1 }

    /// The rate that makes the most soft tokens.
    var lowest: Int { (train + curriculum + evaluate).min() ?? 1 }

    /// The rate that makes the fewest.
    var highest: Int { (train + curriculum + evaluate).max() ?? 1 }

    /// What evaluations measure.
    var measured: [Int] { evaluate.isEmpty ? train : evaluate }
}

extension StepRows {
    /// Every row of a microbatch with its place in the step.
    func placedRows(_ microbatch: Int) -> [(row: Int, place: Int)] {
        let before = microbatches.prefix(microbatch).reduce(0) { $0 + $1.count }
        return microbatches[microbatch].enumerated().map { ($1, before + $0) }
    }
}
