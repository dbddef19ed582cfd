/// A loss over the two scores of a preference pair, with its partial derivatives.
///
/// A score is a reduction of token log-ratios (or of log-probabilities, for losses without a reference) and is not yet
/// multiplied by β. To add a loss, add one value type beside the others in this folder.
package protocol PairLoss: Sendable {
    /// Scale between a score and the implicit reward that metrics report (β).
    var rewardScale: Double { get }

    /// The loss of one pair and its derivative with respect to each score.
    func callAsFunction(chosen: Double, rejected: Double) -> PairLossValue
}

/// The value of a pair loss and its two partial derivatives.
package struct PairLossValue: Sendable, Equatable {
    /// The loss of the pair.
    package let loss: Double
    /// ∂loss/∂(chosen score).
    package let chosenDerivative: Double
    /// ∂loss/∂(rejected score).
    package let rejectedDerivative: Double

    /// The value of a loss that depends on both scores separately.
    package init(loss: Double, chosenDerivative: Double, rejectedDerivative: Double) {
        self.loss = loss
        self.chosenDerivative = chosenDerivative
        self.rejectedDerivative = rejectedDerivative
    }

    /// The value of a loss of the difference `chosen − rejected` alone.
    package init(loss: Double, differenceDerivative: Double) {
        self.init(
            loss: loss, chosenDerivative: differenceDerivative, rejectedDerivative: -differenceDerivative)
    }
}
