package import Compute

/// Looks up one row of a table for every token.
package struct Embedding {
    /// vocabulary × hidden.
    package let weight: Parameter

    /// Looks up rows of `weight`.
    package init(weight: Parameter) {
        self.weight = weight
    }

    /// y[i] = weight[ids[i]].
    package func forward(_ ids: [Int32], into y: Matrix, _ context: Context) {
        ids.withUnsafeBufferPointer { gatherRows(weight.elements, ids: $0, into: y, context) }
    }

    /// weight gradient[ids[i]] += dy[i], where wanted.
    package func backward(_ dy: Matrix, ids: [Int32], _ context: Context) {
        guard let gradient = weight.wantedGradient(context) else { return }
        ids.withUnsafeBufferPointer { scatterAddRows(dy, ids: $0, into: gradient, context) }
    }
}
