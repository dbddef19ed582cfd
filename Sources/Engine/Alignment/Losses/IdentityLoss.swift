/// IPO: the squared distance of the score difference from 1/(2τ).
///
/// Scores are summed log-ratios ("raw") or per-token means ("norm", the reading confirmed by the authors); which one
/// is the objective's reduction.
package struct IdentityLoss: PairLoss {
    /// Regularization τ; plays the part of β in metrics.
    package let tau: Double

    /// An IPO loss with target difference 1/(2τ).
    package init(tau: Double) {
        self.tau = tau
    }

    package var rewardScale: Double { tau }

    package func callAsFunction(chosen: Double, rejected: Double) -> PairLossValue {
        let excess = chosen - rejected - 1 / (2 * tau)
        return PairLossValue(loss: excess * excess, differenceDerivative: 2 * excess)
    }
}
