/// The mean size of some rows, for estimates of time.
package struct AverageRow: Sendable, Hashable {
    /// Tokens that go through the model.
    package let tokens: Double
    /// Tokens that the head scores.
    package let targets: Double
    /// Tokens that a token sees in attention.
    package let seen: Double

    /// Looks at up to 64 rows, evenly spread.
    init(count: Int, _ size: (Int) throws -> (tokens: Int, targets: Int, longest: Int)) rethrows {
        let sampled = min(count, 64)
        var (tokens, targets, seen) = (0.0, 0.0, 0.0)
        for index in 0..<sampled {
            let row = try size(index * count / sampled)
            tokens += Double(row.tokens)
            targets += Double(row.targets)
            seen += Double(row.longest) / 2
        }
        let divisor = Double(max(1, sampled))
        self.tokens = tokens / divisor
        self.targets = targets / divisor
        self.seen = seen / divisor
    }
}
