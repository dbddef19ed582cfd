/// TI-DPO's triplet loss: pulls a policy sample towards the chosen and away from the rejected response.
///
/// `max(0, D+ − D− + margin)` over unweighted log-ratio vectors aligned by response index (TI-DPO eq. 13), with
/// gradient into all three. The derivative at the kink is 0.
package struct TripletTerm: Sendable, Equatable {
    /// Whether squared distances are summed over the overlap or divided by its length.
    package enum Normalization: String, Sendable, CaseIterable {
        /// Sum of squares, as published.
        case none
        /// Mean of squares; for responses beyond about 100 tokens, whose sums grow with length.
        case mean
    }

    /// Weight γ of the term in the total loss.
    package let weight: Double
    /// How much further the anchor shall be from the rejected than from the chosen response.
    package let margin: Double
    /// Treatment of the overlap's length.
    package let normalization: Normalization

    /// A triplet term of weight γ.
    package init(weight: Double, margin: Double, normalization: Normalization = .none) {
        self.weight = weight
        self.margin = margin
        self.normalization = normalization
    }

    /// Distances, loss (not yet times the weight) and its derivatives per token log-ratio.
    package struct Value: Sendable, Equatable {
        /// D+, the squared distance between anchor and positive.
        package let positiveDistance: Double
        /// D−, the squared distance between anchor and negative.
        package let negativeDistance: Double
        /// max(0, D+ − D− + margin).
        package let loss: Double
        /// Derivative per anchor token.
        package let anchorGradient: [Double]
        /// Derivative per positive (chosen) token.
        package let positiveGradient: [Double]
        /// Derivative per negative (rejected) token.
        package let negativeGradient: [Double]

        /// Whether the hinge is open, so that the term pulls at all.
        package var isActive: Bool { loss > 0 }
    }

    /// The term for one pair, from the log-ratios of anchor, chosen and rejected response.
    package func callAsFunction(anchor: [Double], positive: [Double], negative: [Double]) -> Value {
        let near = Distance(anchor, positive, normalization)
        let far = Distance(anchor, negative, normalization)
        let slack = near.value - far.value + margin
        let open: Double = slack > 0 ? 1 : 0
        return Value(
            positiveDistance: near.value, negativeDistance: far.value, loss: max(0, slack),
            anchorGradient: anchor.indices.map { open * (near.derivative(at: $0) - far.derivative(at: $0)) },
            positiveGradient: positive.indices.map { -open * near.derivative(at: $0) },
            negativeGradient: negative.indices.map { open * far.derivative(at: $0) })
    }
}

/// Squared distance of two log-ratio vectors over their overlap.
private struct Distance {
    let value: Double
    /// Derivative with respect to the first vector on the overlap; the second vector's is its negative.
    private let derivatives: [Double]

    init(_ a: [Double], _ b: [Double], _ normalization: TripletTerm.Normalization) {
        let differences = zip(a, b).map { $0 - $1 }
        let scale =
            switch normalization {
            case .none: 1.0
            case .mean: differences.isEmpty ? 0 : 1 / Double(differences.count)
            }
        value = scale * differences.reduce(0) { $0 + $1 * $1 }
        derivatives = differences.map { 2 * scale * $0 }
    }

    func derivative(at index: Int) -> Double {
        index < derivatives.count ? derivatives[index] : 0
    }
}
