internal import CKernels
internal import COpenBLAS

/// c = scale · a · b (+ c when `accumulate`).
///
/// `multiply(dy.t, x.n, into: gradient, accumulate: true, context)` reads as dW += dYᵀ X. The larger side of `c` is split
/// over the team; each part is one single-threaded product of the library, or of our own kernel where the team multiplies
/// in bfloat16. `c` must not overlap `a` or `b`.
package func multiply(
    _ a: Operand, _ b: Operand, into c: Matrix, accumulate: Bool = false, scale: Real = 1, _ context: Context
) {
    multiply(a, b, into: c, accumulate: accumulate, scale: scale, team: context.team)
}

package func multiply(
    _ a: Operand, _ b: Operand, into c: Matrix, accumulate: Bool = false, scale: Real = 1, team: ThreadTeam
) {
    precondition(
        a.rows == c.rows && b.columns == c.columns && a.columns == b.rows,
        "cannot multiply \(a.rows)×\(a.columns) by \(b.rows)×\(b.columns) into \(c.rows)×\(c.columns)")
    let narrow = team.narrowProducts.flatMap { $0.suits(a, b) ? $0 : nil }
    func part(_ a: Operand, _ b: Operand, _ c: Matrix, thread: Int) {
        #if !DoublePrecision
            if let narrow {
                return narrow.multiply(a, b, into: c, accumulate: accumulate, scale: scale, thread: thread)
            }
        #endif
        multiplyHere(a, b, into: c, accumulate: accumulate, scale: scale)
    }
    let work = c.rows * c.columns * a.columns
    if team.threads == 1 || work < smallestSharedProduct { return part(a, b, c, thread: 0) }
    if c.rows >= c.columns {
        team.parts(c.rows, grain: splitGrain) { rows, thread in
            part(a.taking(rows: rows), b, c.rows(rows), thread: thread)
        }
    } else {
        team.parts(c.columns, grain: splitGrain) { columns, thread in
            part(a, b.taking(columns: columns), c.columns(columns), thread: thread)
        }
    }
}

/// Products below this many multiply-adds cost less than waking a thread.
private let smallestSharedProduct = 1 << 16
/// Parts are multiples of this many rows or columns, so that the kernels work on whole tiles.
private let splitGrain = 16

/// The same product on the calling thread: by our own kernel where it runs, else by the library.
func multiplyHere(_ a: Operand, _ b: Operand, into c: Matrix, accumulate: Bool, scale: Real) {
    guard c.rows > 0, c.columns > 0 else { return }
    guard a.columns > 0 else {
        if !accumulate { c.fill(0) }
        return
    }
    guard case .full(let left) = a.elements, case .full(let right) = b.elements else {
        preconditionFailure("a weight in bfloat16 needs a team that multiplies in bfloat16")
    }
    #if DoublePrecision
        let product = cblas_dgemm
    #else
        if multiplyWide(a, left, b, right, into: c, accumulate: accumulate, scale: scale) { return }
        let product = cblas_sgemm
    #endif
    product(
        CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
        blasint(c.rows), blasint(c.columns), blasint(a.columns), scale, left.base, blasint(left.stride),
        right.base, blasint(right.stride), accumulate ? 1 : 0, c.base, blasint(c.stride))
}

#if !DoublePrecision
    /// The product by our own float32 kernel; false where it does not run.
    private func multiplyWide(
        _ a: Operand, _ left: Matrix, _ b: Operand, _ right: Matrix, into c: Matrix, accumulate: Bool, scale: Real
    ) -> Bool {
        var rows = hone_f32_operand(base: left.base, stride: left.stride, depth_is_contiguous: a.isTransposed ? 0 : 1)
        var columns = hone_f32_operand(
            base: right.base, stride: right.stride, depth_is_contiguous: b.isTransposed ? 1 : 0)
        return hone_f32_multiply(
            &rows, &columns, c.base, c.stride, c.rows, c.columns, a.columns, scale, accumulate ? 1 : 0) != 0
    }
#endif

extension Operand {
    /// Some of the rows of the operand as it is used.
    fileprivate func taking(rows range: Range<Int>) -> Operand {
        Operand(elements: isTransposed ? elements.columns(range) : elements.rows(range), isTransposed: isTransposed)
    }

    /// Some of the columns of the operand as it is used.
    fileprivate func taking(columns range: Range<Int>) -> Operand {
        Operand(elements: isTransposed ? elements.rows(range) : elements.columns(range), isTransposed: isTransposed)
    }
}
