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
        let normed: Matrix
        /// Gate and up side by side.
        let expanded: Matrix
        let activated: Matrix
        let expansion, down: LinearGroup.Activations

        func rows(_ count: Int) -> Activations {
            func part(_ matrix: Matrix) -> Matrix { matrix.rows(0..<count) }
            return Activations(
                inverseRMS: part(inverseRMS), normed: part(normed), expanded: part(expanded),
                activated: part(activated), expansion: expansion.rows(count), down: down.rows(count))
        }
    }

    /// Lays out the memory of a pass over `tokens` rows.
    package func activations(_ tokens: Int, in arena: Arena) -> Activations {
        Activations(
            inverseRMS: arena.matrix(tokens, 1), normed: arena.matrix(tokens, expansion.inputWidth),
            expanded: arena.matrix(tokens, expansion.outputWidth), activated: arena.matrix(tokens, down.inputWidth),
            expansion: expansion.activations(tokens, in: arena), down: down.activations(tokens, in: arena))
    }

    /// Working memory of the adjoint, shared by all blocks.
    package struct Scratch: BitwiseCopyable {
        let activatedGradient: Matrix
        let expandedGradient: Matrix
        let normedGradient: Matrix

        func rows(_ count: Int) -> Scratch {
            func part(_ matrix: Matrix) -> Matrix { matrix.rows(0..<count) }
            return Scratch(
                activatedGradient: part(activatedGradient), expandedGradient: part(expandedGradient),
                normedGradient: part(normedGradient))
        }
    }

    /// Lays out the memory of the adjoint.
    package func scratch(_ tokens: Int, in arena: Arena) -> Scratch {
        Scratch(
            activatedGradient: arena.matrix(tokens, down.inputWidth),
            expandedGradient: arena.matrix(tokens, expansion.outputWidth),
            normedGradient: arena.matrix(tokens, expansion.inputWidth))
    }

    /// - Parameters:
    ///   - h: tokens × hidden.
    ///   - y: tokens × hidden, overwritten.
    package func forward(
        _ h: Matrix, into y: Matrix, _ a: Activations, _ adapters: AdapterScratch, _ pass: Pass, _ context: Context
    ) {
        norm.forward(h, into: a.normed, inverseRMS: a.inverseRMS, context)
        expansion.forward(a.normed, into: a.expanded, a.expansion, adapters, pass, context)
        gatedSiLU(gate: gate(a.expanded), up: up(a.expanded), into: a.activated, context)
        down.forward(a.activated, into: y, a.down, adapters, pass, context)
        accumulate(h, into: y, context)
    }

    /// `gradient` holds ∂/∂y and becomes ∂/∂h: the residual path needs no work.
    package func backward(
        _ gradient: Matrix, input h: Matrix, _ a: Activations, _ s: Scratch, _ adapters: AdapterScratch,
        _ pass: Pass, _ context: Context
    ) {
        down.backward(
            gradient, input: a.activated, a.down, adapters, inputGradient: s.activatedGradient, pass, context)
        gatedSiLUBackward(
            s.activatedGradient, gate: gate(a.expanded), up: up(a.expanded), gateGradient: gate(s.expandedGradient),
            upGradient: up(s.expandedGradient), context)
        expansion.backward(
            s.expandedGradient, input: a.normed, a.expansion, adapters, inputGradient: s.normedGradient, pass, context)
        norm.backward(s.normedGradient, input: h, inverseRMS: a.inverseRMS, inputGradient: gradient, context)
    }

    private func gate(_ expanded: Matrix) -> Matrix { expanded.columns(expansion.columns[0]) }
    private func up(_ expanded: Matrix) -> Matrix { expanded.columns(expansion.columns[1]) }
}
