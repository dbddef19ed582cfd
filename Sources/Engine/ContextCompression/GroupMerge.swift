package import Compute

/// Group merging (GMSA, equation of the merged states): Z_g = (1 / |G_g|) Σ_{j ∈ G_g} H_j. It has no parameters.
package enum GroupMerge {
    /// - Parameters:
    ///   - states: encoder rows × hidden.
    ///   - merged: groups × hidden, overwritten.
    package static func forward(
        _ states: Matrix, _ groups: [GroupLayout.Group], into merged: Matrix, _ context: Context
    ) {
        context.team.parallel(groups.count) { indices in
            for index in indices {
                let (group, target) = (groups[index], merged.rows(index..<index + 1))
                target.fill(0)
                for row in group.rows { add(states.rows(row..<row + 1), to: target) }
                scale(target, by: 1 / Real(group.divisor))
            }
        }
    }

    /// The adjoint: ∂/∂H_j += ∂/∂Z_{g(j)} / |G_{g(j)}|. Rows of no group get nothing.
    ///
    /// - Parameters:
    ///   - dMerged: groups × hidden.
    ///   - dStates: encoder rows × hidden.
    package static func backward(
        _ dMerged: Matrix, _ groups: [GroupLayout.Group], stateGradient dStates: Matrix, _ context: Context
    ) {
        context.team.parallel(groups.count) { indices in
            for index in indices {
                let (group, source) = (groups[index], dMerged.rows(index..<index + 1))
                for row in group.rows {
                    add(source, to: dStates.rows(row..<row + 1), scale: 1 / Real(group.divisor))
                }
            }
        }
    }

    private static func add(_ x: Matrix, to y: Matrix, scale: Real = 1) {
        for column in 0..<y.columns { y.base[column] += scale * x.base[column] }
    }

    private static func scale(_ x: Matrix, by factor: Real) {
        for column in 0..<x.columns { x.base[column] *= factor }
    }
}
