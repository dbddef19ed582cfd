internal import CKernels

/// y = x · rsqrt(mean(x²) + ε) · weight for every row; the reciprocal roots are kept for the adjoint.
///
/// - Parameters:
///   - weight: 1 × columns.
///   - inverseRMS: rows × 1.
package func rmsNorm(
    _ x: Matrix, weight: Matrix, epsilon: Double, into y: Matrix, inverseRMS: Matrix, _ context: Context
) {
    precondition(x.columns == weight.columns && y.rows == x.rows && inverseRMS.rows == x.rows)
    context.team.parallel(x.rows, grain: rowGrain(x.columns)) { rows in
        let (x, y, inverse) = (x.rows(rows), y.rows(rows), inverseRMS.rows(rows))
        hone_rms_norm(
            x.base, x.stride, weight.base, epsilon, y.base, y.stride, inverse.base, inverse.stride, x.rows, x.columns)
    }
}

/// The adjoint of `rmsNorm`: adds to the gradients of the input and of the weight, where asked for.
///
/// - Parameter restores: with an input gradient, `dy` becomes y again, so that nobody need keep y for those who read it
///   after its gradient.
package func rmsNormBackward(
    _ dy: Matrix, x: Matrix, weight: Matrix, inverseRMS: Matrix, inputGradient: Matrix?, weightGradient: Matrix?,
    restores: Bool = false, _ context: Context
) {
    if let dw = weightGradient {
        // Split by columns: every sum over rows is made by one thread, in ascending order.
        context.team.parallel(x.columns, grain: columnGrain) { columns in
            let (dy, x) = (dy.columns(columns), x.columns(columns))
            hone_rms_norm_weight_gradient(
                dy.base, dy.stride, x.base, x.stride, inverseRMS.base, inverseRMS.stride, dw.base + columns.lowerBound,
                x.rows, x.columns)
        }
    }
    if let dx = inputGradient {
        context.team.parallel(x.rows, grain: rowGrain(x.columns)) { rows in
            let (dy, x, dx, inverse) = (dy.rows(rows), x.rows(rows), dx.rows(rows), inverseRMS.rows(rows))
            hone_rms_norm_input_gradient(
                dy.base, dy.stride, restores ? 1 : 0, x.base, x.stride, weight.base, inverse.base, inverse.stride,
                dx.base, dx.stride, x.rows, x.columns)
        }
    }
}

/// Rows that make a part worth a thread: about 16,384 elements. Decoding eight rows then meets no barrier but for
/// products.
func rowGrain(_ columns: Int) -> Int { max(1, 16384 / max(1, columns)) }
/// Columns that make a part: whole cache lines.
let columnGrain = 32
