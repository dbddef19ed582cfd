import Alignment
import Compute
import Testing

/// A pair with reproducible scores, unequal lengths and an anchor longer than one response and shorter than the other.
func randomPair(seed: UInt64) -> ScoredPair {
    func scores(_ stream: UInt64, count: Int) -> TokenScores {
        let random = RandomStream(seed: seed, stream: stream)
        func numbers(_ kind: Int, _ low: Double, _ high: Double) -> [Double] {
            (0..<count).map { low + (high - low) * random.uniform(UInt64(kind * 100 + $0)) }
        }
        return TokenScores(
            policy: numbers(0, -4, 0), reference: numbers(1, -4, 0), importance: numbers(2, 0, 2),
            divergence: numbers(3, 0, 0.5))
    }
    return ScoredPair(chosen: scores(1, count: 7), rejected: scores(2, count: 4), anchor: scores(3, count: 5))
}

@Suite("Derivatives of every objective by central differences")
struct DerivativeTests {
    private static let step = 1e-6

    @Test(arguments: objectiveCases.indices, [1, 2, 3] as [UInt64])
    func logProbabilities(case index: Int, seed: UInt64) {
        let (name, evaluate) = objectiveCases[index]
        let pair = randomPair(seed: seed)
        let outcome = evaluate(pair)
        check(name, pair, evaluate, \.chosen.policy, outcome.chosen.logProbabilities)
        check(name, pair, evaluate, \.rejected.policy, outcome.rejected.logProbabilities)
        if let anchor = outcome.anchor {
            check(name, pair, evaluate, \.anchor!.policy, anchor.logProbabilities)
        }
    }

    /// The chosen side of a TDPO2 base is held constant on purpose and therefore left out.
    @Test(arguments: objectiveCases.indices, [1, 2, 3] as [UInt64])
    func divergences(case index: Int, seed: UInt64) {
        let (name, evaluate) = objectiveCases[index]
        let pair = randomPair(seed: seed)
        let outcome = evaluate(pair)
        guard let rejected = outcome.rejected.divergence, let chosen = outcome.chosen.divergence else { return }
        check(name, pair, evaluate, \.rejected.divergence!, rejected)
        if name.contains("tdpo1") { check(name, pair, evaluate, \.chosen.divergence!, chosen) }
    }

    @Test(arguments: [TIDPOSettings.Preset.paperTable, .release])
    func chosenDivergenceOfTheTDPO2BaseIsConstant(preset: TIDPOSettings.Preset) {
        let outcome = PreferenceObjective.tiDPO(TIDPOSettings(preset)).evaluate(randomPair(seed: 4))
        #expect(outcome.chosen.divergence?.allSatisfy { $0 == 0 } == true)
        #expect(outcome.rejected.divergence?.allSatisfy { $0 > 0 } == true)
    }

    private func check(
        _ name: String, _ pair: ScoredPair, _ evaluate: Evaluation, _ scores: WritableKeyPath<ScoredPair, [Double]>,
        _ analytic: [Double]
    ) {
        #expect(analytic.count == pair[keyPath: scores].count)
        for token in analytic.indices {
            var above = pair
            var below = pair
            above[keyPath: scores][token] += Self.step
            below[keyPath: scores][token] -= Self.step
            let numeric = (evaluate(above).loss - evaluate(below).loss) / (2 * Self.step)
            #expect(abs(numeric - analytic[token]) < 1e-7 * max(1, abs(numeric)), "\(name), token \(token)")
        }
    }
}
