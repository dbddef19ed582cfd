/// The DPO loss, −log σ(β·difference); with label smoothing the conservative cDPO loss.
///
/// `(1 − ε) softplus(−β d) + ε softplus(β d)`, where ε is the believed share of flipped labels.
package struct SigmoidLoss: PairLoss {
    /// Inverse temperature β; larger stays closer to the reference.
    package let beta: Double
    /// Believed probability ε that a label is flipped, in 0..<0.5. 0 is plain DPO.
    package let labelSmoothing: Double

    /// A sigmoid loss; `labelSmoothing` 0 is DPO.
    package init(beta: Double, labelSmoothing: Double = 0) {
        self.beta = beta
        self.labelSmoothing = labelSmoothing
    }

    package var rewardScale: Double { beta }

    package func callAsFunction(chosen: Double, rejected: Double) -> PairLossValue {
        let u = beta * (chosen - rejected)
        let trust = 1 - labelSmoothing
        return PairLossValue(
            loss: trust * softplus(-u) + labelSmoothing * softplus(u),
            differenceDerivative: beta * (labelSmoothing * logistic(u) - trust * logistic(-u)))
    }
}
