package import Compute

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif

/// Whether this build computes in Double.
package let isDoublePrecision = MemoryLayout<Real>.size == 8

/// How far a quantity may be from the golden number (the table in the oracles' README).
package enum Tolerance: Sendable {
    /// Logits, log-probabilities, divergences, hidden states: relative to the tensor's largest value.
    case forward
    /// A loss: relative to max(1, value).
    case loss
    /// Gradients, importances: relative to the tensor's largest value, plus a floor from the fixture's largest gradient.
    case gradient(largestOfFixture: Double, relative: Double = 1e-4)

    /// Largest difference that is allowed for a tensor.
    func limit(_ expected: OracleTensor) -> Double {
        let largest = expected.largest
        // Tensors that the fixture keeps in float32 only are good to 6e-8.
        let exactness = expected.isExact ? 0 : 1.2e-7 * largest
        switch self {
        case .forward: return (isDoublePrecision ? 1e-9 : 3e-5) * largest + exactness
        case .loss: return (isDoublePrecision ? 1e-9 : 3e-5) * max(1, largest) + exactness
        case .gradient(let largestOfFixture, let relative):
            let floor = isDoublePrecision ? 1e-12 : 1e-6
            return (isDoublePrecision ? 1e-9 : relative) * largest + floor * largestOfFixture + exactness
        }
    }
}

/// Nil when all values are close enough, else what is wrong: for `#expect(mismatch(…) == nil)`.
package func mismatch(
    _ actual: [Double], _ expected: OracleTensor, _ tolerance: Tolerance, _ name: String
) -> String? {
    guard actual.count == expected.values.count else {
        return "\(name): \(actual.count) values, expected \(expected.values.count)"
    }
    return mismatch(actual, expected.values, limit: tolerance.limit(expected), name)
}

/// Nil when all values are within `limit`.
package func mismatch(_ actual: [Double], _ expected: [Double], limit: Double, _ name: String) -> String? {
    guard actual.count == expected.count else { return "\(name): \(actual.count) values, expected \(expected.count)" }
    var worst = (index: -1, difference: 0.0)
    for index in actual.indices {
        let difference = abs(actual[index] - expected[index])
        // A NaN compares as worse than anything.
        if !(difference <= worst.difference) { worst = (index, difference) }
    }
    guard worst.index >= 0, !(worst.difference <= limit) else { return nil }
    return "\(name)[\(worst.index)]: \(actual[worst.index]), expected \(expected[worst.index]); "
        + "off by \(worst.difference), allowed \(limit)"
}

/// Sum, Euclidean norm and dot product with cos(0.37 (k + 1)): three numbers that pin a tensor down.
package func fingerprint(_ values: [Double]) -> [Double] {
    var (sum, squares, wave) = (0.0, 0.0, 0.0)
    for (index, value) in values.enumerated() {
        sum += value
        squares += value * value
        wave += value * cos(0.37 * Double(index + 1))
    }
    return [sum, squares.squareRoot(), wave]
}

/// Nil when every row of a fingerprint table is close enough.
///
/// - Parameters:
///   - table: parameters × 3.
///   - relative: factor on each row's norm for Float; Double is always held to 1e-9.
package func fingerprintMismatch(
    _ tensors: [[Double]], _ table: OracleTensor, relative: Double, floor: Double, _ name: String
) -> String? {
    let largest = stride(from: 1, to: table.values.count, by: 3).reduce(0) { max($0, table.values[$1]) }
    for (row, values) in tensors.enumerated() {
        let expected = Array(table.values[3 * row..<3 * row + 3])
        let limit = isDoublePrecision ? 1e-9 * max(1, expected[1]) : relative * expected[1] + floor * largest
        if let problem = mismatch(fingerprint(values), expected, limit: limit, "\(name) row \(row)") { return problem }
    }
    return tensors.count * 3 == table.values.count ? nil : "\(name): \(tensors.count) rows of \(table.values.count / 3)"
}

extension Matrix {
    /// All elements, row by row.
    package var doubles: [Double] {
        (0..<rows).flatMap { row in (0..<columns).map { Double(self[row, $0]) } }
    }
}

/// log(1 + eˣ) without overflow.
package func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }

/// eˣ.
package func exponential(_ x: Double) -> Double { exp(x) }

/// Natural logarithm.
package func logarithm(_ x: Double) -> Double { log(x) }
