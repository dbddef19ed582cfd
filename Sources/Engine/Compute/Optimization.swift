internal import CKernels

/// The constants of one AdamW step (Loshchilov & Hutter 2019), bias corrections included.
package struct AdamWStep: Sendable {
    package let learningRate, beta1, beta2, epsilon, weightDecay: Double
    let correction1, correction2: Double
    /// Factor on every gradient before anything else: global-norm clipping.
    package let gradientScale: Double

    /// - Parameter step: 1 for the first step.
    package init(
        learningRate: Double, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double, step: Int,
        gradientScale: Double = 1
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.gradientScale = gradientScale
        correction1 = 1 - power(beta1, step)
        correction2 = 1 - power(beta2, step)
    }
}

/// Updates a block of parameters and their moments in place; all windows are 1 × N, contiguous.
///
/// w ·= 1 − rate·decay; m, v ← running means of g, g²; w −= rate · m̂ / (√v̂ + ε). `decays` is false for norm weights
/// and biases.
package func adamW(
    parameters: Matrix, gradients: Matrix, firstMoment: Matrix, secondMoment: Matrix, decays: Bool,
    _ step: AdamWStep, _ context: Context
) {
    context.team.parallel(parameters.count, grain: 4096) { range in
        let start = range.lowerBound
        hone_adamw(
            parameters.base + start, gradients.base + start, firstMoment.base + start, secondMoment.base + start,
            range.count, step.learningRate, step.beta1, step.beta2, step.epsilon, decays ? step.weightDecay : 0,
            step.correction1, step.correction2, step.gradientScale)
    }
}

/// Σ x² of a contiguous window, in Double: blocks of fixed size, added in order, so that the sum is the same at any
/// thread count. `partials` is scratch of at least `sumOfSquaresBlocks(x.count)` doubles.
package func sumOfSquares(_ x: Matrix, partials: UnsafeMutableBufferPointer<Double>, _ context: Context) -> Double {
    let blocks = sumOfSquaresBlocks(x.count)
    precondition(partials.count >= blocks && x.isContiguous)
    let sums = SendableBuffer(partials)
    context.team.parallel(blocks, grain: 4) { range in
        for block in range {
            let start = block * sumBlock
            sums.buffer[block] = hone_sum_of_squares(x.base + start, min(sumBlock, x.count - start))
        }
    }
    return partials.prefix(blocks).reduce(0, +)
}

/// Number of partial sums that `sumOfSquares` needs for `count` values.
package func sumOfSquaresBlocks(_ count: Int) -> Int { (count + sumBlock - 1) / sumBlock }

private let sumBlock = 1 << 14

/// A buffer whose elements are written by different threads, each its own.
private struct SendableBuffer: @unchecked Sendable {
    let buffer: UnsafeMutableBufferPointer<Double>
    init(_ buffer: UnsafeMutableBufferPointer<Double>) { self.buffer = buffer }
}

/// base to a whole power ≥ 0, by squaring.
private func power(_ base: Double, _ exponent: Int) -> Double {
    var (result, factor, left) = (1.0, base, exponent)
    while left > 0 {
        if left & 1 == 1 { result *= factor }
        factor *= factor
        left >>= 1
    }
    return result
}
