package import Compute

/// The norm that turns a token's embedding gradient into its raw importance.
package enum AttributionNorm: String, Sendable, CaseIterable {
    /// Sum of absolute values (TI-DPO eq. 6).
    case l1
    /// Euclidean length.
    case l2

    /// Raw importance of every token: the norm of its row of dS/d(embeddings) [tokens × hiddenSize].
    package func callAsFunction(_ embeddingGradient: Matrix) -> [Double] {
        (0..<embeddingGradient.rows).map { row in
            var total = 0.0
            for column in 0..<embeddingGradient.columns {
                let value = Double(embeddingGradient[row, column])
                total += self == .l1 ? abs(value) : value * value
            }
            return self == .l1 ? total : total.squareRoot()
        }
    }
}
