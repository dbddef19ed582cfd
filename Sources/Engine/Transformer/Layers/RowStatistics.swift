internal import Compute

/// The largest element of every row and where it is; the lowest index wins ties.
///
/// - Parameters:
///   - maxima: rows × 1.
///   - indices: one for each row.
func rowMaxima(
    of x: Matrix, into maxima: Matrix, indices: UnsafeMutableBufferPointer<Int32>, _ context: Context
) {
    let places = DisjointIntegers(buffer: indices)
    context.team.parallel(x.rows) { rows in
        for row in rows {
            let values = UnsafeBufferPointer(start: x.base + row * x.stride, count: x.columns)
            let maximum = largest(of: values)
            maxima[row, 0] = maximum
            places.buffer[row] = Int32(values.firstIndex(of: maximum) ?? 0)
        }
    }
}

/// The mean of every row, added in Double.
func rowMeans(of x: Matrix, into means: Matrix, _ context: Context) {
    context.team.parallel(x.rows) { rows in
        for row in rows {
            let values = UnsafeBufferPointer(start: x.base + row * x.stride, count: x.columns)
            means[row, 0] = Real(sum(of: values) { values, i in values[i] } / Double(x.columns))
        }
    }
}

/// result[r] = Σ_c a[r][c] · b[r][c], added in Double.
func rowDots(_ a: Matrix, _ b: Matrix, into result: Matrix, _ context: Context) {
    context.team.parallel(a.rows) { rows in
        for row in rows {
            let left = UnsafeBufferPointer(start: a.base + row * a.stride, count: a.columns)
            let right = b.base + row * b.stride
            result[row, 0] = Real(sum(of: left) { left, i in left[i] * right[i] })
        }
    }
}

/// p[r][c] ·= slopes[r] · d[r][c] + offsets[r]: the adjoint of a reverse divergence (see `LanguageModelHead`).
func scaleByAffine(_ p: Matrix, of d: Matrix, slopes: Matrix, offsets: Matrix, _ context: Context) {
    context.team.parallel(p.rows) { rows in
        for row in rows {
            let (probabilities, differences) = (p.base + row * p.stride, d.base + row * d.stride)
            let (slope, offset) = (slopes[row, 0], offsets[row, 0])
            for column in 0..<p.columns {
                probabilities[column] *= slope * differences[column] + offset
            }
        }
    }
}

private func largest(of values: UnsafeBufferPointer<Real>) -> Real {
    let width = SIMD16<Real>.scalarCount
    guard values.count >= width, let base = values.baseAddress else { return values.max() ?? -.infinity }
    var maxima = lanes(base)
    var index = width
    while index + width <= values.count {
        let next = lanes(base + index)
        maxima.replace(with: next, where: next .> maxima)
        index += width
    }
    return values[index...].reduce(maxima.max()) { max($0, $1) }
}

private func lanes(_ pointer: UnsafePointer<Real>) -> SIMD16<Real> {
    UnsafeRawPointer(pointer).loadUnaligned(as: SIMD16<Real>.self)
}

/// Sixteen independent sums, so that the loop is not one long chain of additions.
@inline(__always)
private func sum(
    of values: UnsafeBufferPointer<Real>, _ term: (UnsafeBufferPointer<Real>, Int) -> Real
) -> Double {
    var sums = SIMD16<Double>()
    let whole = values.count / 16 * 16
    var index = 0
    while index < whole {
        for lane in 0..<16 { sums[lane] += Double(term(values, index + lane)) }
        index += 16
    }
    var total = sums.sum()
    while index < values.count {
        total += Double(term(values, index))
        index += 1
    }
    return total
}

/// Integers that different threads write, each its own.
private struct DisjointIntegers: @unchecked Sendable {
    let buffer: UnsafeMutableBufferPointer<Int32>
}
