/// Weighted means of named metrics over the rows of a step or an evaluation.
///
/// Rows count by their weight, whichever microbatch they came in.
package struct MetricMeans: Sendable, Equatable {
    private var sums: [String: Double] = [:]
    private var weights: [String: Double] = [:]

    package init() {}

    /// Takes in a value that stands for `weight` rows or tokens.
    package mutating func record(_ name: String, _ value: Double, weight: Double = 1) {
        sums[name, default: 0] += value * weight
        weights[name, default: 0] += weight
    }

    package var values: [String: Double] {
        Dictionary(uniqueKeysWithValues: sums.map { ($0, $1 / max(weights[$0] ?? 0, .leastNormalMagnitude)) })
    }
}
