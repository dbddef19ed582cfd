internal import CKernels

/// Adds `bias` (1 × columns) to every row of `y`.
package func addBias(_ bias: Matrix, to y: Matrix, _ context: Context) {
    context.team.parallel(y.rows, grain: rowGrain(y.columns)) { rows in
        let y = y.rows(rows)
        hone_add_bias(bias.base, y.base, y.stride, y.rows, y.columns)
    }
}

/// The adjoint of `addBias`: bias gradient += Σ rows of `dy`.
package func accumulateColumnSums(of dy: Matrix, into bias: Matrix, _ context: Context) {
    context.team.parallel(dy.columns, grain: columnGrain) { columns in
        let dy = dy.columns(columns)
        hone_column_sums(dy.base, dy.stride, bias.base + columns.lowerBound, dy.rows, dy.columns)
    }
}

/// y += scale · x.
package func accumulate(_ x: Matrix, into y: Matrix, scale: Real = 1, _ context: Context) {
    precondition(x.rows == y.rows && x.columns == y.columns, "accumulate needs equal shapes")
    context.team.parallel(x.rows, grain: rowGrain(x.columns)) { rows in
        let (x, y) = (x.rows(rows), y.rows(rows))
        hone_axpy(scale, x.base, x.stride, y.base, y.stride, x.rows, x.columns)
    }
}

/// x ·= scale.
package func scale(_ x: Matrix, by factor: Real, _ context: Context) {
    context.team.parallel(x.rows, grain: rowGrain(x.columns)) { rows in
        let x = x.rows(rows)
        hone_scale(factor, x.base, x.stride, x.rows, x.columns)
    }
}

/// Copies x into y with the whole team.
package func copy(_ x: Matrix, into y: Matrix, _ context: Context) {
    context.team.parallel(x.rows, grain: rowGrain(x.columns)) { rows in
        y.rows(rows).copy(from: x.rows(rows))
    }
}

/// Zeroes x with the whole team.
package func zero(_ x: Matrix, _ context: Context) {
    context.team.parallel(x.rows, grain: rowGrain(x.columns)) { rows in x.rows(rows).fill(0) }
}

/// Which norm of a row.
package enum RowNorm: Int32, Sendable {
    case l1 = 1
    case l2 = 2
}

/// The norm of every row of `x`, in Double: the raw importance of tokens when `x` is an embedding gradient.
package func rowNorms(of x: Matrix, _ norm: RowNorm) -> [Double] {
    [Double](unsafeUninitializedCapacity: x.rows) { buffer, count in
        if let base = buffer.baseAddress {
            hone_row_norms(x.base, x.stride, norm.rawValue, base, x.rows, x.columns)
        }
        count = x.rows
    }
}

/// y[i] = table[ids[i]].
package func gatherRows(_ table: WeightMatrix, ids: UnsafeBufferPointer<Int32>, into y: Matrix, _ context: Context) {
    precondition(ids.count == y.rows && table.columns == y.columns)
    context.team.parallel(ids.count, grain: rowGrain(y.columns)) { range in
        for i in range { table.copyRow(Int(ids[i]), into: y.base + i * y.stride) }
    }
}

/// The same from a matrix in the engine's type.
package func gatherRows(_ table: Matrix, ids: UnsafeBufferPointer<Int32>, into y: Matrix, _ context: Context) {
    gatherRows(.full(table), ids: ids, into: y, context)
}

/// The adjoint of `gatherRows`: table[ids[i]] += scales[i] · dy[i], in ascending order of i for every table row.
///
/// - Parameter scales: rows × 1; nil for 1.
package func scatterAddRows(
    _ dy: Matrix, scales: Matrix? = nil, ids: UnsafeBufferPointer<Int32>, into table: Matrix, _ context: Context
) {
    precondition(ids.count == dy.rows && table.columns == dy.columns)
    // Split by columns: two rows with the same id never meet on different threads.
    context.team.parallel(dy.columns, grain: columnGrain) { columns in
        for i in 0..<ids.count {
            hone_axpy(
                scales?[i, 0] ?? 1, dy.base + i * dy.stride + columns.lowerBound, dy.stride,
                table.base + Int(ids[i]) * table.stride + columns.lowerBound, table.stride, 1, columns.count)
        }
    }
}
