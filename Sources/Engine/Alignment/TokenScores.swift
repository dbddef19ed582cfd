/// What the models said about the tokens of one response, EOS included.
///
/// Every array has one entry per response token. Only `policy` is differentiated; the importances are constants.
package struct TokenScores: Sendable {
    /// log π(token) under the policy.
    package var policy: [Double]
    /// log π_ref(token) under the reference; all zero where an objective has no reference.
    package var reference: [Double]
    /// Importance of each token; nil weighs every token 1.
    package var importance: [Double]?
    /// KL(reference ‖ policy) at the position that predicts each token (F_t), where the objective needs it.
    package var divergence: [Double]?

    /// Scores of one response; arrays must be equally long.
    package init(
        policy: [Double], reference: [Double], importance: [Double]? = nil, divergence: [Double]? = nil
    ) {
        precondition(policy.count == reference.count, "one reference log-probability per policy log-probability")
        precondition(importance.map { $0.count == policy.count } ?? true, "one importance per token")
        precondition(divergence.map { $0.count == policy.count } ?? true, "one divergence per token")
        self.policy = policy
        self.reference = reference
        self.importance = importance
        self.divergence = divergence
    }

    /// Number of response tokens.
    package var count: Int { policy.count }

    /// Token log-ratios log π − log π_ref.
    package var logRatios: [Double] {
        zip(policy, reference).map { $0 - $1 }
    }

    /// Sum of log-ratios, added token by token rather than as a difference of two large sums.
    package var logRatioSum: Double {
        zip(policy, reference).reduce(0) { $0 + ($1.0 - $1.1) }
    }

    /// Sum of log-ratios, each times its importance: M(y) of TI-DPO eq. 11.
    package var weightedLogRatioSum: Double {
        guard let importance else { return logRatioSum }
        return zip(importance, logRatios).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// Log-probability of the whole response under the policy.
    package var logProbability: Double { policy.reduce(0, +) }

    /// Sum of the position divergences K(y), never weighted; 0 when there are none.
    package var divergenceSum: Double { divergence?.reduce(0, +) ?? 0 }
}

/// The two scored responses of a pair and, for objectives with a triplet term, the anchor sampled from the policy.
package struct ScoredPair: Sendable {
    /// The preferred response.
    package var chosen: TokenScores
    /// The dispreferred response.
    package var rejected: TokenScores
    /// The anchor of the triplet term; nil when the objective has none.
    package var anchor: TokenScores?

    /// A pair, with an anchor where the objective asks for one.
    package init(chosen: TokenScores, rejected: TokenScores, anchor: TokenScores? = nil) {
        self.chosen = chosen
        self.rejected = rejected
        self.anchor = anchor
    }
}

/// Derivatives of one pair's loss with respect to one response's token scores.
package struct TokenGradients: Sendable, Equatable {
    /// ∂loss/∂(policy log-probability), one per token.
    package var logProbabilities: [Double]
    /// ∂loss/∂F_t, one per token; nil when the objective uses no divergences.
    package var divergence: [Double]?
}
