package import Compute

/// y = h + down(silu(gate(norm(h))) · up(norm(h))): the second half of a decoder block.
package struct GatedMLP {
    /// Applied to the input.
    package let norm: RMSNorm
    /// Members: gate, up.
    package let expansion: LinearGroup
    /// Back to the residual stream.
    package let down: LinearGroup

    /// Puts the parts together.
    package init(norm: RMSNorm, expansion: LinearGroup, down: LinearGroup) {
        self.norm = norm
        self.expansion = expansion
        self.down = down
    }

    /// What a pass keeps for its adjoint.
    package struct Activations: BitwiseCopyable {
        let inverseRMS: Matrix
        /// Gate and up side by side.
        let expanded: Matrix
        let expansion, down: LinearGroup.Activations

        func rows(_ rows: Range<Int>) -> Activations {
            Activations(
                inverseRMS: inverseRMS.rows(rows), expanded: expanded.rows(rows), expansion: expansion.rows(rows),
                down: down.rows(rows))
        }
    }

    /// Lays out the memory of a pass over `tokens` rows.
    package func activations(_ tokens: Int, in arena: Arena) -> Activations {
        Activations(
            inverseRMS: arena.matrix(tokens, 1), expanded: arena.matrix(tokens, expansion.outputWidth),
            expansion: expansion.activations(tokens, in: arena), down: down.activations(tokens, in: arena))
    }

    /// Working memory, shared by all blocks.
    package struct Scratch: BitwiseCopyable {
        /// What the linears read. No pass keeps it: in the adjoint each holds its gradient, and then itself again.
        let normed, activated: Matrix
        /// No rows without an adjoint.
        let expandedGradient: Matrix

        func rows(_ count: Int) -> Scratch {
            func part(_ matrix: Matrix) -> Matrix { matrix.rows(0..<min(count, matrix.rows)) }
            return Scratch(
                normed: part(normed), activated: part(activated), expandedGradient: part(expandedGradient))
        }
    }

    /// - Parameter backward: false leaves out what only the adjoint needs.
    package func scratch(_ tokens: Int, backward: Bool, in arena: Arena) -> Scratch {
        Scratch(
            normed: arena.matrix(tokens, expansion.inputWidth), activated: arena.matrix(tokens, down.inputWidth),
            expandedGradient: arena.matrix(backward ? tokens : 0, expansion.outputWidth))
    }

    /// - Parameters:
    ///   - h: tokens × hidden.
    ///   - y: tokens × hidden, overwritten.
    package func forward(
        _ h: Matrix, into y: Matrix, _ a: Activations, _ scratch: Scratch, _ adapters: AdapterScratch, _ pass: Pass,
        _ context: Context
    ) {
        let s = scratch.rows(h.rows)
        norm.forward(h, into: s.normed, inverseRMS: a.inverseRMS, context)
        expansion.forward(s.normed, into: a.expanded, a.expansion, adapters, pass, context)
        gatedSiLU(gate: gate(a.expanded), up: up(a.expanded), into: s.activated, context)
        down.forward(s.activated, into: y, a.down, adapters, pass, context)
        accumulate(h, into: y, context)
    }

    /// `gradient` holds ∂/∂y and becomes ∂/∂h: the residual path needs no work.
    package func backward(
        _ gradient: Matrix, input h: Matrix, _ a: Activations, _ scratch: Scratch, _ adapters: AdapterScratch,
        _ pass: Pass, _ context: Context
    ) {
        let s = scratch.rows(h.rows)
        down.differentiate(gradient, a.down, adapters, inputGradient: s.activated, pass, context)
        gatedSiLUBackward(
            s.activated, gate: gate(a.expanded), up: up(a.expanded), gateGradient: gate(s.expandedGradient),
            upGradient: up(s.expandedGradient), context)
        down.accumulateGradients(gradient, input: s.activated, adapters, pass, context)
        expansion.differentiate(s.expandedGradient, a.expansion, adapters, inputGradient: s.normed, pass, context)
        norm.backwardRestoring(s.normed, input: h, inverseRMS: a.inverseRMS, inputGradient: gradient, context)
        expansion.accumulateGradients(s.expandedGradient, input: s.normed, adapters, pass, context)
    }

    private func gate(_ expanded: Matrix) -> Matrix { expanded.columns(expansion.columns[0]) }
    private func up(_ expanded: Matrix) -> Matrix { expanded.columns(expansion.columns[1]) }
}
