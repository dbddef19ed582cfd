internal import CKernels

/// log Σ exp of every row of `x`; `result` is rows × 1, contiguous.
package func logSumExpRows(_ x: Matrix, into result: Matrix, _ context: Context) {
    precondition(result.rows == x.rows && result.isContiguous)
    context.team.parallel(x.rows, grain: rowGrain(x.columns)) { rows in
        let x = x.rows(rows)
        hone_log_sum_exp(x.base, x.stride, result.base + rows.lowerBound * result.stride, x.rows, x.columns)
    }
}

/// x[r] = scales[r] · exp(x[r] − logSumExp[r]): probabilities in place, optionally scaled row by row.
///
/// - Parameters:
///   - logSumExp: rows × 1, contiguous.
///   - scales: rows × 1, contiguous; nil for 1.
package func softmaxRows(_ x: Matrix, logSumExp: Matrix, scales: Matrix? = nil, _ context: Context) {
    context.team.parallel(x.rows, grain: rowGrain(x.columns)) { rows in
        let x = x.rows(rows)
        hone_softmax(
            x.base, x.stride, logSumExp.base + rows.lowerBound, scales.map { $0.base + rows.lowerBound }, x.rows,
            x.columns)
    }
}
