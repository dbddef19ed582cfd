/// SLiC's hinge, max(0, 1 − β·difference); the derivative at the kink is 0.
package struct HingeLoss: PairLoss {
    /// Inverse margin β: pairs further apart than 1/β exert no pull.
    package let beta: Double

    /// A hinge with margin 1/β.
    package init(beta: Double) {
        self.beta = beta
    }

    package var rewardScale: Double { beta }

    package func callAsFunction(chosen: Double, rejected: Double) -> PairLossValue {
        let slack = 1 - beta * (chosen - rejected)
        return PairLossValue(loss: max(0, slack), differenceDerivative: slack > 0 ? -beta : 0)
    }
}
