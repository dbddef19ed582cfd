import Glibc

/// How the token weights of one response are spread.
package struct WeightStatistics: Sendable, Equatable {
    /// Mean weight.
    package let mean: Double
    /// Population standard deviation.
    package let standardDeviation: Double
    /// Largest weight.
    package let maximum: Double
    /// Entropy in nats of the weights as a distribution; log n when uniform, 0 when one token has all.
    package let entropy: Double

    /// Statistics of the weights of one response; all 0 for an empty one.
    package init(_ weights: [Double]) {
        let count = Double(max(weights.count, 1))
        let total = weights.reduce(0, +)
        let mean = total / count
        self.mean = mean
        standardDeviation = (weights.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
        maximum = weights.max() ?? 0
        entropy = weights.reduce(0) { sum, weight in
            weight > 0 && total > 0 ? sum - weight / total * log(weight / total) : sum
        }
    }
}
