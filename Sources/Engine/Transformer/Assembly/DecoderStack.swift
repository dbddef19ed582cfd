package import Compute

/// Consecutive decoder blocks: a policy, a reference, a context encoder, its alignment layers, its decoder.
package struct DecoderStack {
    /// What a forward pass keeps for the backward pass.
    package enum Recording: Sendable, Hashable {
        /// Nothing: there will be no backward pass.
        case none
        /// Everything.
        case full
        /// Only the input of every block; the backward pass computes each block again.
        case blockInputs
    }

    /// First to last.
    package let blocks: [DecoderBlock]
    /// Channels of the residual stream.
    package let hiddenSize: Int

    /// A stack of blocks that all work on `hiddenSize` channels.
    package init(blocks: [DecoderBlock], hiddenSize: Int) {
        self.blocks = blocks
        self.hiddenSize = hiddenSize
    }

    /// Memory of one pass over one layout.
    package struct Activations {
        /// What the forward pass keeps.
        package let recording: Recording
        /// Block inputs below each other, tokens rows each: all of them and the output, or two in turn.
        let streams: Matrix
        /// One for each block, or one that all use.
        let blocks: [DecoderBlock.Activations]
        let scratch: DecoderBlock.Scratch?
        let tokens: Int
        let depth: Int

        /// Input of block `index`; for the number of blocks, the output of the stack.
        func stream(_ index: Int) -> Matrix {
            let place = recording == .none ? index % 2 : index
            return streams.rows(place * tokens..<(place + 1) * tokens)
        }

        func block(_ index: Int, of block: DecoderBlock) -> DecoderBlock.Activations {
            recording == .full ? blocks[index] : block.viewing(blocks[0])
        }

        /// Where the stack's input goes: tokens × hidden.
        package var input: Matrix { stream(0) }
        /// Where its output is after a forward pass.
        package var output: Matrix { stream(depth) }
    }

    /// Lays out the memory of a pass, and of its adjoint unless nothing is recorded.
    package func activations(for layout: SequenceLayout, recording: Recording, _ context: Context) -> Activations {
        let (tokens, arena) = (layout.tokenCount, context.arena)
        let streams = arena.matrix((recording == .none ? 2 : blocks.count + 1) * tokens, hiddenSize)
        let kept = recording == .full ? blocks.count : min(1, blocks.count)
        return Activations(
            recording: recording, streams: streams,
            blocks: blocks.prefix(kept).map { $0.activations(tokens, in: arena) },
            scratch: blocks.first?.scratch(
                tokens, AttentionScratch(layout: layout, in: arena, team: context.team), backward: recording != .none,
                in: arena),
            tokens: tokens, depth: blocks.count)
    }

    /// Runs the blocks on `activations.input` and returns the output, a window of the activations.
    ///
    /// - Parameter afterBlock: called with the number and activations of each block as soon as it has run.
    package func forward(
        _ layout: SequenceLayout, _ a: Activations, _ pass: Pass, _ context: Context,
        afterBlock: (Int, DecoderBlock.Activations) -> Void = { _, _ in }
    ) -> Matrix {
        guard let scratch = a.scratch else { return a.input }
        for (index, block) in blocks.enumerated() {
            let own = a.block(index, of: block)
            block.forward(a.stream(index), layout, into: a.stream(index + 1), own, scratch, pass, context)
            afterBlock(index, own)
        }
        return a.output
    }

    /// `gradient` holds ∂/∂output and becomes ∂/∂input, unless `inputGradient` is false: then the first block computes
    /// only its parameters' part and `gradient` ends without meaning.
    package func backward(
        _ gradient: Matrix, _ layout: SequenceLayout, _ a: Activations, inputGradient: Bool = true,
        _ pass: Pass, _ context: Context
    ) {
        guard let scratch = a.scratch else { return }
        precondition(a.recording != .none, "a pass that recorded nothing has no adjoint")
        for (index, block) in blocks.enumerated().reversed() {
            if a.recording == .blockInputs { recompute(block, index, layout, a, scratch, pass, context) }
            block.backward(
                gradient, input: a.stream(index), layout, a.block(index, of: block), scratch,
                inputGradient: inputGradient || index > 0, pass, context)
        }
    }

    /// The block's output lands where it was before: the same bits.
    private func recompute(
        _ block: DecoderBlock, _ index: Int, _ layout: SequenceLayout, _ a: Activations,
        _ scratch: DecoderBlock.Scratch, _ pass: Pass, _ context: Context
    ) {
        block.forward(
            a.stream(index), layout, into: a.stream(index + 1), a.block(index, of: block), scratch, pass, context)
    }
}
