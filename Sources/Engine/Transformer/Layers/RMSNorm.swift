package import Compute

/// y = x / √(mean(x²) + ε) · weight, row by row.
package struct RMSNorm {
    /// 1 × channels.
    package let weight: Parameter
    /// Added to the mean square.
    package let epsilon: Double

    /// A norm over the channels of `weight`.
    package init(weight: Parameter, epsilon: Double) {
        self.weight = weight
        self.epsilon = epsilon
    }

    /// - Parameter inverseRMS: rows × 1, kept for the adjoint.
    package func forward(_ x: Matrix, into y: Matrix, inverseRMS: Matrix, _ context: Context) {
        rmsNorm(x, weight: weight.value, epsilon: epsilon, into: y, inverseRMS: inverseRMS, context)
    }

    /// Adds to the input gradient and to the weight gradient, where asked for.
    package func backward(
        _ dy: Matrix, input x: Matrix, inverseRMS: Matrix, inputGradient: Matrix?, _ context: Context
    ) {
        rmsNormBackward(
            dy, x: x, weight: weight.value, inverseRMS: inverseRMS, inputGradient: inputGradient,
            weightGradient: weight.wantedGradient(context), context)
    }

    /// The same, and then `dy` becomes the norm's output again where parameters want gradients: those of the linears
    /// that read it. So a pass need not keep it. Without `inputGradient` nothing is read from `dy` unless the norm is
    /// trained.
    func backwardRestoring(
        _ dy: Matrix, input x: Matrix, inverseRMS: Matrix, inputGradient: Matrix?, _ context: Context
    ) {
        let restores = context.gradients.contains(.parameters)
        rmsNormBackward(
            dy, x: x, weight: weight.value, inverseRMS: inverseRMS, inputGradient: inputGradient,
            weightGradient: weight.wantedGradient(context), restores: restores, context)
        if restores, inputGradient == nil { forward(x, into: dy, inverseRMS: inverseRMS, context) }
    }
}

/// The same norm applied to every attention head of a row by itself, with one weight for all heads.
package struct HeadNorm {
    let norm: RMSNorm
    let headDimension: Int

    /// A norm over the channels of `weight`.
    package init(weight: Parameter, epsilon: Double) {
        norm = RMSNorm(weight: weight, epsilon: epsilon)
        headDimension = weight.value.columns
    }

    /// - Parameters:
    ///   - x: tokens × heads·headDimension.
    ///   - inverseRMS: tokens × heads.
    package func forward(_ x: Matrix, into y: Matrix, inverseRMS: Matrix, _ context: Context) {
        for head in 0..<inverseRMS.columns {
            norm.forward(
                x.columns(columns(of: head)), into: y.columns(columns(of: head)),
                inverseRMS: inverseRMS.columns(head..<head + 1), context)
        }
    }

    /// Adds to both gradients.
    package func backward(
        _ dy: Matrix, input x: Matrix, inverseRMS: Matrix, inputGradient dx: Matrix, _ context: Context
    ) {
        for head in 0..<inverseRMS.columns {
            norm.backward(
                dy.columns(columns(of: head)), input: x.columns(columns(of: head)),
                inverseRMS: inverseRMS.columns(head..<head + 1), inputGradient: dx.columns(columns(of: head)), context)
        }
    }

    private func columns(of head: Int) -> Range<Int> { head * headDimension..<(head + 1) * headDimension }
}
