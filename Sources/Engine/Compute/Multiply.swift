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
    let narrow = team.narrowProducts.flatMap {
        $0.suits(rows: c.rows, columns: c.columns, depth: a.columns) ? $0 : nil
    }
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

/// The same product on the calling thread.
func multiplyHere(_ a: Operand, _ b: Operand, into c: Matrix, accumulate: Bool, scale: Real) {
    guard c.rows > 0, c.columns > 0 else { return }
    guard a.columns > 0 else {
        if !accumulate { c.fill(0) }
        return
    }
    #if DoublePrecision
        let product = cblas_dgemm
    #else
        let product = cblas_sgemm
    #endif
    product(
        CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
        blasint(c.rows), blasint(c.columns), blasint(a.columns), scale, a.matrix.base, blasint(a.matrix.stride),
        b.matrix.base, blasint(b.matrix.stride), accumulate ? 1 : 0, c.base, blasint(c.stride))
}

extension Operand {
    /// Some of the rows of the operand as it is used.
    fileprivate func taking(rows range: Range<Int>) -> Operand {
        Operand(matrix: isTransposed ? matrix.columns(range) : matrix.rows(range), isTransposed: isTransposed)
    }

    /// Some of the columns of the operand as it is used.
    fileprivate func taking(columns range: Range<Int>) -> Operand {
        Operand(matrix: isTransposed ? matrix.rows(range) : matrix.columns(range), isTransposed: isTransposed)
    }
}
