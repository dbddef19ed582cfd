package import Compute

/// A weight as the layers see it: its values, and where its gradient accumulates when it is trained.
///
/// Vectors (norm weights, biases) are 1 × n. The memory is the parameter store's, or for frozen weights a mapped file's.
package struct Parameter: BitwiseCopyable, Sendable {
    /// outputs × inputs, or 1 × n.
    package let value: Matrix
    /// Same shape as `value`; nil when the weight is frozen.
    package let gradient: Matrix?

    /// A frozen weight by default.
    package init(value: Matrix, gradient: Matrix? = nil) {
        self.value = value
        self.gradient = gradient
    }

    /// Where to add the gradient, or nil when the weight is frozen or the pass does not ask for parameters.
    func wantedGradient(_ context: Context) -> Matrix? {
        context.gradients.contains(.parameters) ? gradient : nil
    }

    /// gradient += scale · a · b, where wanted.
    func accumulateGradient(_ a: Operand, _ b: Operand, scale: Real = 1, _ context: Context) {
        guard let gradient = wantedGradient(context) else { return }
        multiply(a, b, into: gradient, accumulate: true, scale: scale, context)
    }

    /// Whether `next` begins where this one ends, in values and in gradients, so that both are one taller matrix.
    func isFollowed(by next: Parameter) -> Bool {
        func adjacent(_ a: Matrix, _ b: Matrix) -> Bool {
            a.isContiguous && b.isContiguous && a.columns == b.columns && a.base + a.count == b.base
        }
        guard adjacent(value, next.value) else { return false }
        switch (gradient, next.gradient) {
        case (nil, nil): return true
        case (let mine?, let other?): return adjacent(mine, other)
        default: return false
        }
    }

    /// Both as one matrix. Requires `isFollowed(by:)`.
    func joined(with next: Parameter) -> Parameter {
        func joined(_ a: Matrix, _ b: Matrix) -> Matrix {
            Matrix(base: a.base, rows: a.rows + b.rows, columns: a.columns)
        }
        let gradients = gradient.flatMap { mine in next.gradient.map { joined(mine, $0) } }
        return Parameter(value: joined(value, next.value), gradient: gradients)
    }
}
