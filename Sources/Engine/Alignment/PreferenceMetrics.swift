/// Running means of what people watch in preference training, under TRL's names and `tidpo/*`.
///
/// Every pair counts once, whichever microbatch it came in; two halves can be merged.
package struct PreferenceMetrics: Sendable {
    private var sums: [String: Double] = [:]
    private var counts: [String: Int] = [:]

    /// Metrics of no pair yet.
    package init() {}

    /// Number of pairs taken in.
    package var pairCount: Int { counts["loss"] ?? 0 }

    /// Takes in one pair and what the objective said about it.
    package mutating func record<Loss>(
        _ pair: ScoredPair, _ outcome: PairOutcome, under objective: PreferenceObjective<Loss>
    ) {
        record("loss", outcome.loss)
        recordRewards(outcome.rewards)
        recordResponse("chosen", pair.chosen)
        recordResponse("rejected", pair.rejected)
        recordImportance(pair, rewardScale: objective.loss.rewardScale)
        recordTriplet(outcome)
    }

    /// Takes in what another part of the same step or evaluation recorded.
    package mutating func merge(_ other: PreferenceMetrics) {
        sums.merge(other.sums, uniquingKeysWith: +)
        counts.merge(other.counts, uniquingKeysWith: +)
    }

    /// Mean of every metric, ordered by name.
    package var values: [(name: String, value: Double)] {
        sums.keys.sorted().map { name in (name, sums[name, default: 0] / Double(counts[name, default: 1])) }
    }

    /// Mean of one metric, nil if never recorded.
    package subscript(name: String) -> Double? {
        guard let sum = sums[name], let count = counts[name] else { return nil }
        return sum / Double(count)
    }

    private mutating func record(_ name: String, _ value: Double) {
        sums[name, default: 0] += value
        counts[name, default: 0] += 1
    }

    private mutating func recordRewards(_ rewards: PairRewards) {
        record("rewards/chosen", rewards.chosen)
        record("rewards/rejected", rewards.rejected)
        record("rewards/margins", rewards.margin)
        record("rewards/accuracies", rewards.isAccurate ? 1 : 0)
    }

    private mutating func recordResponse(_ side: String, _ response: TokenScores) {
        record("logps/\(side)", response.logProbability)
        record("lengths/\(side)", Double(response.count))
        if response.divergence != nil { record("kl/\(side)", response.divergenceSum) }
    }

    /// Weighted rewards apart from the plain ones, so that accuracies stay comparable with DPO's.
    private mutating func recordImportance(_ pair: ScoredPair, rewardScale: Double) {
        guard let chosen = pair.chosen.importance, let rejected = pair.rejected.importance else { return }
        let weighted = PairRewards(
            chosen: rewardScale * pair.chosen.weightedLogRatioSum,
            rejected: rewardScale * pair.rejected.weightedLogRatioSum)
        record("tidpo/weighted_chosen", weighted.chosen)
        record("tidpo/weighted_rejected", weighted.rejected)
        record("tidpo/weighted_margins", weighted.margin)
        record("tidpo/weighted_accuracies", weighted.isAccurate ? 1 : 0)
        recordWeights("chosen", WeightStatistics(chosen))
        recordWeights("rejected", WeightStatistics(rejected))
    }

    private mutating func recordWeights(_ side: String, _ statistics: WeightStatistics) {
        record("tidpo/weight_mean_\(side)", statistics.mean)
        record("tidpo/weight_std_\(side)", statistics.standardDeviation)
        record("tidpo/weight_max_\(side)", statistics.maximum)
        record("tidpo/weight_entropy_\(side)", statistics.entropy)
    }

    private mutating func recordTriplet(_ outcome: PairOutcome) {
        guard let triplet = outcome.triplet else { return }
        record("tidpo/triplet_loss", triplet.loss)
        record("tidpo/triplet_active", triplet.isActive ? 1 : 0)
    }
}
