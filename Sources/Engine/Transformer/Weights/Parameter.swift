package import Compute

/// A weight as the layers see it: its numbers, and where its gradient accumulates when it is trained.
///
/// Vectors (norm weights, biases) are 1 × n. The memory is the parameter store's, or for frozen weights a mapped
/// file's.
package struct Parameter: BitwiseCopyable, Sendable {
    /// outputs × inputs, or 1 × n.
    package let elements: WeightMatrix
    /// Same shape as `elements`; nil when the weight is frozen.
    package let gradient: Matrix?

    /// A frozen weight by default.
    package init(value: Matrix, gradient: Matrix? = nil) {
        self.init(elements: .full(value), gradient: gradient)
    }

    /// A frozen weight by default; those in bfloat16 are always frozen.
    package init(elements: WeightMatrix, gradient: Matrix? = nil) {
        self.elements = elements
        self.gradient = gradient
    }

    /// The window of a weight in the engine's type: trained ones, vectors and adapters always are.
    package var value: Matrix {
        guard case .full(let matrix) = elements else {
            preconditionFailure("a weight in bfloat16 has no window in \(Real.self)")
        }
        return matrix
    }

    /// Where to add the gradient, or nil when the weight is frozen or the pass does not ask for parameters.
    func wantedGradient(_ context: Context) -> Matrix? {
        context.gradients.contains(.parameters) ? gradient : nil
    }

    /// gradient += a · b, where wanted.
    func accumulateGradient(_ a: Operand, _ b: Operand, _ context: Context) {
        guard let gradient = wantedGradient(context) else { return }
        multiply(a, b, into: gradient, accumulate: true, context)
    }

    /// Whether `next` begins where this one ends, in values and in gradients, so that both are one taller matrix.
    func isFollowed(by next: Parameter) -> Bool {
        guard elements.isFollowed(by: next.elements) else { return false }
        switch (gradient, next.gradient) {
        case (nil, nil): return true
        case (let mine?, let other?): return WeightMatrix.full(mine).isFollowed(by: .full(other))
        default: return false
        }
    }

    /// Both as one matrix. Requires `isFollowed(by:)`.
    func joined(with next: Parameter) -> Parameter {
        let gradients = gradient.flatMap { mine in
            next.gradient.map { Matrix(base: mine.base, rows: mine.rows + $0.rows, columns: mine.columns) }
        }
        return Parameter(elements: elements.joined(with: next.elements), gradient: gradients)
    }
}
