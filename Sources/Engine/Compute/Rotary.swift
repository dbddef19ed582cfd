internal import CKernels

#if canImport(Glibc)
    internal import Glibc
#endif

/// Cosines and sines of rotary position embedding for every position, computed in Double.
package struct RotaryTable: Sendable {
    /// Per position `halfDimension` cosines, then as many sines.
    package let values: [Real]
    package let halfDimension: Int
    /// Positions 0 ..< this are in the table.
    package let positionCount: Int

    /// - Parameters:
    ///   - inverseFrequencies: one for each pair of channels, scaling already applied.
    ///   - attentionScale: factor on both cosines and sines.
    package init(inverseFrequencies: [Double], positionCount: Int, attentionScale: Double = 1) {
        halfDimension = inverseFrequencies.count
        self.positionCount = positionCount
        var values: [Real] = []
        values.reserveCapacity(positionCount * 2 * inverseFrequencies.count)
        for position in 0..<positionCount {
            for frequency in inverseFrequencies { values.append(Real(cos(Double(position) * frequency) * attentionScale)) }
            for frequency in inverseFrequencies { values.append(Real(sin(Double(position) * frequency) * attentionScale)) }
        }
        self.values = values
    }
}

/// Rotates the heads of `x` (tokens × heads·dimension) in place by their positions, half-split as in Hugging Face.
/// `inverse` rotates back, which is the adjoint (up to the square of the table's attention scale, which is 1 for the
/// supported scalings).
package func rotate(_ x: Matrix, positions: [Int32], table: RotaryTable, inverse: Bool = false, _ context: Context) {
    precondition(positions.count == x.rows && x.columns % (2 * table.halfDimension) == 0)
    table.values.withUnsafeBufferPointer { values in
        positions.withUnsafeBufferPointer { positions in
            guard let values = values.baseAddress, let positions = positions.baseAddress else { return }
            context.team.parallel(x.rows, grain: rowGrain(x.columns)) { rows in
                let x = x.rows(rows)
                hone_rotate(
                    x.base, x.stride, positions + rows.lowerBound, values, x.columns / (2 * table.halfDimension),
                    table.halfDimension, inverse ? -1 : 1, x.rows)
            }
        }
    }
}
