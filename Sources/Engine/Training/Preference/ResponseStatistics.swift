import Transformer

/// What TRL reports of the distributions behind a pair's tokens. It costs two more passes over the logits, hence only
/// in evaluation.
package struct ResponseStatistics: Sendable {
    /// Mean logit over the vocabulary, one for each token.
    let chosenLogits, rejectedLogits: [Double]
    /// Entropy of the predicted distribution in nats, one for each token of both responses.
    let entropies: [Double]
    /// Whether the likeliest token is the chosen response's, one for each of its tokens.
    let hits: [Bool]

    init(_ pair: PreferenceBatch.Pair, _ targets: HeadTargets, _ scores: HeadScores) {
        let (chosen, rejected) = (pair.chosen.scores, pair.rejected.scores)
        chosenLogits = scores.meanLogit.doubles(chosen)
        rejectedLogits = scores.meanLogit.doubles(rejected)
        entropies = scores.entropy.doubles(chosen) + scores.entropy.doubles(rejected)
        hits = chosen.map { scores.maxima.tokens[$0] == targets.ids[$0] }
    }

    /// Adds every token under TRL's names: means are over tokens, not over responses.
    func record(into means: inout MetricMeans) {
        for logit in chosenLogits { means.record("logits/chosen", logit) }
        for logit in rejectedLogits { means.record("logits/rejected", logit) }
        for entropy in entropies { means.record("entropy", entropy) }
        for hit in hits { means.record("mean_token_accuracy", hit ? 1 : 0) }
    }
}
