package import Compute

/// Central differences of a scalar function of one element of `matrix`, compared with a gradient.
///
/// Every `stride`-th element is checked. Returns nil when all are within `relative` × the largest gradient; meaningful
/// in Double only.
package func gradientMismatch(
    _ matrix: Matrix, gradient: Matrix, every stride: Int = 1, step: Double = 1e-5, relative: Double = 1e-7,
    _ name: String, _ function: () -> Double
) -> String? {
    let expectedLargest = gradient.doubles.reduce(0) { max($0, abs($1)) }
    for index in Swift.stride(from: 0, to: matrix.count, by: stride) {
        let (row, column) = (index / matrix.columns, index % matrix.columns)
        let value = matrix[row, column]
        matrix[row, column] = value + Real(step)
        let above = function()
        matrix[row, column] = value - Real(step)
        let below = function()
        matrix[row, column] = value
        let numeric = (above - below) / (2 * step)
        let analytic = Double(gradient[row, column])
        guard abs(numeric - analytic) <= relative * max(1, expectedLargest) else {
            return "\(name)[\(row), \(column)]: gradient \(analytic), central difference \(numeric)"
        }
    }
    return nil
}
