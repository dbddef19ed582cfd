/// c = scale · a · b (+ c when `accumulate`).
///
/// `multiply(dy.t, x.n, into: gradient, accumulate: true, context)` reads as dW += dYᵀ X. The larger side of `c` is
/// split over the team; each part is one single-threaded product (see `ProductKernel`). `c` must not overlap `a` or
/// `b`.
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
    let kernel = ProductKernel(a, b, team.products)
    let work = c.rows * c.columns * a.columns
    if team.threads == 1 || work < smallestSharedProduct {
        return kernel.multiply(a, b, into: c, accumulate: accumulate, scale: scale)
    }
    if c.rows >= c.columns {
        team.parallel(c.rows, grain: splitGrain) { rows in
            kernel.multiply(a.taking(rows: rows), b, into: c.rows(rows), accumulate: accumulate, scale: scale)
        }
    } else {
        team.parallel(c.columns, grain: splitGrain) { columns in
            kernel.multiply(
                a, b.taking(columns: columns), into: c.columns(columns), accumulate: accumulate, scale: scale)
        }
    }
}

/// Products below this many multiply-adds cost less than waking a thread.
let smallestSharedProduct = 1 << 16
/// Parts are multiples of this many rows or columns, so that the kernels work on whole tiles.
let splitGrain = 16

/// The same product in the engine's type on the calling thread.
func multiplyHere(_ a: Operand, _ b: Operand, into c: Matrix, accumulate: Bool, scale: Real) {
    ProductKernel(a, b, .full).multiply(a, b, into: c, accumulate: accumulate, scale: scale)
}

extension Operand {
    /// Some of the rows of the operand as it is used.
    func taking(rows range: Range<Int>) -> Operand {
        Operand(elements: isTransposed ? elements.columns(range) : elements.rows(range), isTransposed: isTransposed)
    }

    /// Some of the columns of the operand as it is used.
    func taking(columns range: Range<Int>) -> Operand {
        Operand(elements: isTransposed ? elements.rows(range) : elements.columns(range), isTransposed: isTransposed)
    }
}
