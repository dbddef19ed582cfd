/// Robust DPO: the sigmoid loss made unbiased under label flips of a known rate.
///
/// `[(1 − ε) softplus(−β d) − ε softplus(β d)] / (1 − 2ε)`. May be negative and never saturates.
package struct RobustLoss: PairLoss {
    /// Inverse temperature β.
    package let beta: Double
    /// Flip rate ε, in 0..<0.5.
    package let flipRate: Double

    /// A robust loss for labels flipped with probability `flipRate`.
    package init(beta: Double, flipRate: Double) {
        precondition(flipRate >= 0 && flipRate < 0.5, "a flip rate of one half or more has no unbiased loss")
        self.beta = beta
        self.flipRate = flipRate
    }

    package var rewardScale: Double { beta }

    package func callAsFunction(chosen: Double, rejected: Double) -> PairLossValue {
        let u = beta * (chosen - rejected)
        let trust = 1 - flipRate
        let scale = 1 / (1 - 2 * flipRate)
        return PairLossValue(
            loss: scale * (trust * softplus(-u) - flipRate * softplus(u)),
            differenceDerivative: -scale * beta * (trust * logistic(-u) + flipRate * logistic(u)))
    }
}
