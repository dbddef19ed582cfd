internal import CKernels

/// y = silu(gate) · up, element by element (the gate of a SwiGLU network).
package func gatedSiLU(gate: Matrix, up: Matrix, into y: Matrix, _ context: Context) {
    context.team.parallel(gate.rows, grain: rowGrain(gate.columns)) { rows in
        let (gate, up, y) = (gate.rows(rows), up.rows(rows), y.rows(rows))
        hone_gated_silu(gate.base, gate.stride, up.base, up.stride, y.base, y.stride, gate.rows, gate.columns)
    }
}

/// The adjoint of `gatedSiLU`. Overwrites the two gradients, which may be the memory of `gate` and `up` themselves, and
/// turns `dy` into y again: nobody need keep y for those who read it after its gradient.
package func gatedSiLUBackward(
    _ dy: Matrix, gate: Matrix, up: Matrix, gateGradient: Matrix, upGradient: Matrix, _ context: Context
) {
    context.team.parallel(gate.rows, grain: rowGrain(gate.columns)) { rows in
        let (dy, gate, up) = (dy.rows(rows), gate.rows(rows), up.rows(rows))
        let (dgate, dup) = (gateGradient.rows(rows), upGradient.rows(rows))
        hone_gated_silu_gradient(
            dy.base, dy.stride, gate.base, gate.stride, up.base, up.stride, dgate.base, dgate.stride, dup.base,
            dup.stride, gate.rows, gate.columns)
    }
}
