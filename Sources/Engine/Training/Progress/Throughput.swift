/// Speed of a run as people see it: running means over the steps of this attempt.
struct Throughput {
    private static let memory = 0.9

    private var begin = ContinuousClock.now
    private var secondsPerStep: Double?
    private var tokensPerStep: Double?

    mutating func stepBegins() { begin = .now }

    mutating func stepEnded(tokens: Int) {
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        secondsPerStep = Self.mean(secondsPerStep, seconds)
        tokensPerStep = Self.mean(tokensPerStep, Double(tokens))
    }

    var tokensPerSecond: Double? {
        guard let secondsPerStep, let tokensPerStep, secondsPerStep > 0 else { return nil }
        return tokensPerStep / secondsPerStep
    }

    func secondsFor(steps: Int) -> Double? { secondsPerStep.map { $0 * Double(steps) } }

    private static func mean(_ old: Double?, _ new: Double) -> Double {
        old.map { memory * $0 + (1 - memory) * new } ?? new
    }
}
