import Alignment
import Compute
import Glibc
import Testing

@Suite("Properties of the objectives")
struct PropertyTests {
    @Test func uniformImportanceIsDPO() throws {
        let importance = TokenImportance(gradientShare: 1)
        var pair = randomPair(seed: 7)
        pair.chosen.importance = try importance.weights(Array(repeating: 0.37, count: pair.chosen.count))
        pair.rejected.importance = try importance.weights(Array(repeating: 2.1, count: pair.rejected.count))
        var plain = pair
        plain.chosen.importance = nil
        plain.rejected.importance = nil
        let weighted = PreferenceObjective.tiDPO(TIDPOSettings(.noTriplet)).evaluate(pair)
        let dpo = PreferenceObjective.dpo(beta: 0.1).evaluate(plain)
        #expect(abs(weighted.loss - dpo.loss) < 1e-14)
        #expect(distance(weighted.chosen.logProbabilities, dpo.chosen.logProbabilities) < 1e-15)
        #expect(distance(weighted.rejected.logProbabilities, dpo.rejected.logProbabilities) < 1e-15)
    }

    @Test(arguments: [2, 3, 17, 200], [0, 0.3, 1] as [Double])
    func responseWeightsAverageOneAndAreNotNegative(count: Int, share: Double) throws {
        let random = RandomStream(seed: 5, stream: UInt64(count))
        let raw = (0..<count + 9).map { random.uniform(UInt64($0)) }
        let weights = try TokenImportance(gradientShare: share).responseWeights(attribution: raw, promptCount: 9)
        #expect(weights.count == count)
        #expect(abs(weights.reduce(0, +) / Double(count) - 1) < 1e-12)
        #expect(weights.allSatisfy { $0 >= 0 })
    }

    @Test(arguments: TIDPOSettings.Preset.allCases)
    func untrainedPolicyHasLossLogTwoAndAnIdleTriplet(preset: TIDPOSettings.Preset) {
        var pair = randomPair(seed: 8)
        pair.chosen.reference = pair.chosen.policy
        pair.rejected.reference = pair.rejected.policy
        let anchor = pair.anchor?.policy ?? []
        pair.anchor?.reference = anchor
        pair.chosen.divergence = pair.chosen.policy.map { _ in 0 }
        pair.rejected.divergence = pair.rejected.policy.map { _ in 0 }
        let settings = TIDPOSettings(preset)
        let outcome = PreferenceObjective.tiDPO(settings).evaluate(pair)
        #expect(abs(outcome.baseLoss - M_LN2) < 1e-15)
        #expect(!outcome.rewards.isAccurate)
        #expect((outcome.anchor != nil) == (settings.tripletWeight > 0))
        guard let triplet = outcome.triplet else { return }
        #expect(abs(triplet.loss - settings.tripletMargin) < 1e-15)
        #expect((triplet.anchorGradient + triplet.positiveGradient + triplet.negativeGradient).allSatisfy { $0 == 0 })
    }

    @Test(arguments: ["dpo", "tdpo2", "sigmoid mean"])
    func equalModelsGiveLogTwo(name: String) throws {
        let evaluate = try #require(objectiveCases.first { $0.name == name }).evaluate
        var pair = randomPair(seed: 9)
        pair.chosen.reference = pair.chosen.policy
        pair.rejected.reference = pair.rejected.policy
        pair.chosen.divergence = pair.chosen.policy.map { _ in 0 }
        pair.rejected.divergence = pair.rejected.policy.map { _ in 0 }
        pair.chosen.importance = nil
        #expect(abs(evaluate(pair).loss - M_LN2) < 1e-15)
    }

    @Test func swappingSidesFlipsTheMargin() {
        let pair = randomPair(seed: 10)
        let swapped = ScoredPair(chosen: pair.rejected, rejected: pair.chosen)
        let objective = PreferenceObjective.dpo(beta: 0.5)
        let margin = objective.evaluate(pair).rewards.margin
        #expect(abs(objective.evaluate(swapped).rewards.margin + margin) < 1e-15)
        // softplus(-u) + u = softplus(u), so the two losses differ by the weighted margin.
        let weighted = 0.5 * (pair.chosen.weightedLogRatioSum - pair.rejected.weightedLogRatioSum)
        #expect(abs(objective.evaluate(swapped).loss - objective.evaluate(pair).loss - weighted) < 1e-12)
    }

    @Test func smoothingOfZeroIsPlainDPO() {
        let pair = randomPair(seed: 11)
        let dpo = PreferenceObjective.dpo(beta: 0.2).evaluate(pair)
        #expect(PreferenceObjective.dpo(beta: 0.2, labelSmoothing: 0).evaluate(pair).loss == dpo.loss)
        let robust = PreferenceObjective.robust(beta: 0.2, flipRate: 0).evaluate(pair)
        #expect(abs(robust.loss - dpo.loss) < 1e-15)
        #expect(distance(robust.chosen.logProbabilities, dpo.chosen.logProbabilities) < 1e-15)
    }

    @Test(arguments: [-1e5, -800, 0, 800, 1e5])
    func extremeScoresStayFinite(score: Double) {
        let value = SigmoidLoss(beta: 1, labelSmoothing: 0.1)(chosen: score, rejected: 0)
        #expect(value.loss.isFinite && value.chosenDerivative.isFinite)
        #expect(abs(value.loss - (score < 0 ? -0.9 * score : 0.1 * score)) < 0.7)
    }

    @Test func whatObjectivesNeedFromTheReference() {
        #expect(PreferenceObjective.simpo(beta: 2, targetRatio: 0.5).referenceNeed == .none)
        #expect(PreferenceObjective.dpo(beta: 0.1).referenceNeed == .tokenLogProbabilities)
        #expect(PreferenceObjective.tiDPO(TIDPOSettings()).referenceNeed == .tokenLogProbabilities)
        #expect(PreferenceObjective.tiDPO(TIDPOSettings(.paperTable)).referenceNeed == .distribution)
    }
}
