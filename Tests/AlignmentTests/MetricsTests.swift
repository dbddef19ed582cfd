import Alignment
import Testing

@Suite("Preference metrics")
struct MetricsTests {
    private let objective = PreferenceObjective.tiDPO(TIDPOSettings(.paperTable))

    private func recorded(_ seeds: [UInt64]) -> PreferenceMetrics {
        var metrics = PreferenceMetrics()
        for seed in seeds {
            let pair = randomPair(seed: seed)
            metrics.record(pair, objective.evaluate(pair), under: objective)
        }
        return metrics
    }

    @Test func namesAndMeans() throws {
        let metrics = recorded([1, 2])
        let pairs = [1, 2].map { randomPair(seed: $0) }
        let logProbability = pairs.reduce(0) { $0 + $1.chosen.policy.reduce(0, +) } / 2
        #expect(abs(try #require(metrics["logps/chosen"]) - logProbability) < 1e-12)
        let reward = pairs.reduce(0) { $0 + 0.1 * $1.rejected.logRatioSum } / 2
        #expect(abs(try #require(metrics["rewards/rejected"]) - reward) < 1e-12)
        #expect(metrics["lengths/chosen"] == 7 && metrics["lengths/rejected"] == 4)
        #expect(metrics.pairCount == 2)
        let names = metrics.values.map(\.name)
        #expect(names == names.sorted())
        for name in ["kl/chosen", "tidpo/weighted_margins", "tidpo/triplet_active", "tidpo/weight_entropy_rejected"] {
            #expect(names.contains(name))
        }
    }

    @Test func mergingEqualsRecordingTogether() {
        var merged = recorded([1])
        merged.merge(recorded([2, 3]))
        for (mine, together) in zip(merged.values, recorded([1, 2, 3]).values) {
            #expect(mine.name == together.name && abs(mine.value - together.value) < 1e-12)
        }
    }

    @Test func plainObjectivesReportNoImportance() {
        var pair = randomPair(seed: 1)
        pair.chosen.importance = nil
        pair.rejected.importance = nil
        let dpo = PreferenceObjective.dpo(beta: 0.1)
        var metrics = PreferenceMetrics()
        metrics.record(pair, dpo.evaluate(pair), under: dpo)
        #expect(!metrics.values.contains { $0.name.hasPrefix("tidpo/") })
    }
}
