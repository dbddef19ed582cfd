/// SimPO: the sigmoid loss of β·difference minus a target margin β·ratio.
///
/// Its scores are mean token log-probabilities without a reference.
package struct TargetMarginLoss: PairLoss {
    /// Inverse temperature β; 2 to 10 in the authors' runs, since scores are means.
    package let beta: Double
    /// Target margin as a share of β (`gamma_beta_ratio`).
    package let targetRatio: Double

    /// A SimPO loss with target margin `beta * targetRatio`.
    package init(beta: Double, targetRatio: Double) {
        self.beta = beta
        self.targetRatio = targetRatio
    }

    package var rewardScale: Double { beta }

    package func callAsFunction(chosen: Double, rejected: Double) -> PairLossValue {
        let u = beta * (chosen - rejected - targetRatio)
        return PairLossValue(loss: softplus(-u), differenceDerivative: -beta * logistic(-u))
    }
}
