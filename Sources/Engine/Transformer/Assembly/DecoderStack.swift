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
    /// The last block, for passes of whose output only some rows are read.
    private let top: SelectedBlock?

    /// A stack of blocks that all work on `hiddenSize` channels.
    package init(blocks: [DecoderBlock], hiddenSize: Int) {
        self.blocks = blocks
        self.hiddenSize = hiddenSize
        top = blocks.last.flatMap(SelectedBlock.init)
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
        /// The rows of the output that are computed; nil for all.
        package let selection: RowSelection?
        let tokens: Int
        let depth: Int
        /// Rows that the memory was laid out for.
        let capacity: Int

        /// Input of block `index`; for the number of blocks, the output of the stack.
        func stream(_ index: Int) -> Matrix {
            let start = (recording == .none ? index % 2 : index) * capacity
            return streams.rows(start..<start + tokens)
        }

        /// The same memory for a pass over another layout of no more rows. What the first rows hold stays, so a pass
        /// over them can be continued, unless its last block computes selected rows alone.
        func viewing(_ layout: SequenceLayout, _ selection: RowSelection?) -> Activations {
            let count = layout.tokenCount
            precondition(recording == .full && count <= capacity, "no memory for \(count) recorded rows")
            return Activations(
                recording: recording, streams: streams, blocks: blocks.map { $0.rows(count) },
                scratch: scratch?.rows(count), selection: selection, tokens: count, depth: depth, capacity: capacity)
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
    ///
    /// - Parameter reading: the rows of the output that somebody reads; nil for all. The last block computes no others:
    ///   they are zero, and so must be their gradients.
    package func activations(
        for layout: SequenceLayout, recording: Recording, reading: [Int32]? = nil, _ context: Context
    ) -> Activations {
        let (tokens, arena) = (layout.tokenCount, context.arena)
        let streams = arena.matrix((recording == .none ? 2 : blocks.count + 1) * tokens, hiddenSize)
        let kept = recording == .full ? blocks.count : min(1, blocks.count)
        return Activations(
            recording: recording, streams: streams,
            blocks: blocks.prefix(kept).map { $0.activations(tokens, in: arena) },
            scratch: blocks.first.map { block in
                let backward = recording != .none
                let scores = AttentionScratch(
                    layout: layout, shape: block.attention.shape, backward: backward, in: arena, team: context.team)
                return block.scratch(tokens, scores, backward: backward, in: arena)
            },
            selection: top == nil ? nil : reading.flatMap { RowSelection($0, of: layout) },
            tokens: tokens, depth: blocks.count, capacity: tokens)
    }

    /// Runs the blocks on `activations.input` and returns the output, a window of the activations.
    ///
    /// - Parameters:
    ///   - firstRow: rows before it have been computed by a pass that recorded everything in this memory.
    ///   - afterBlock: called with the number, keys and values of each block as soon as it has run.
    package func forward(
        _ layout: SequenceLayout, _ a: Activations, from firstRow: Int = 0, _ pass: Pass, _ context: Context,
        afterBlock: (Int, _ keys: Matrix, _ values: Matrix) -> Void = { _, _, _ in }
    ) -> Matrix {
        guard let scratch = a.scratch else { return a.input }
        precondition(firstRow == 0 || a.recording == .full && pass.dropout == nil, "nothing to continue")
        let window = firstRow == 0 ? RowWindow(layout) : RowWindow(firstRow..<layout.tokenCount, of: layout)
        for index in blocks.indices {
            let (keys, values) = run(index, layout, window, a, scratch, pass, context)
            afterBlock(index, keys, values)
        }
        return a.output
    }

    /// One block; the same bits whenever it runs. A last block that computes selected rows alone does so for all of
    /// them, whatever the window.
    private func run(
        _ index: Int, _ layout: SequenceLayout, _ window: RowWindow, _ a: Activations,
        _ scratch: DecoderBlock.Scratch, _ pass: Pass, _ context: Context
    ) -> (keys: Matrix, values: Matrix) {
        let (block, x, y) = (blocks[index], a.stream(index), a.stream(index + 1))
        let own = a.block(index, of: block)
        if let (top, rows) = selected(index, a) {
            let part = top.viewing(own, rows)
            top.forward(x, layout, rows, into: y, part, scratch, pass, context)
            return (part.attention.key, part.attention.value)
        }
        block.forward(x, window, into: y, own, scratch, pass, context)
        return (own.attention.key, own.attention.value)
    }

    /// The last block of a pass with a selection.
    private func selected(_ index: Int, _ a: Activations) -> (SelectedBlock, RowSelection)? {
        guard index == blocks.count - 1, let top, let rows = a.selection else { return nil }
        return (top, rows)
    }

    /// `gradient` holds ∂/∂output and becomes ∂/∂input, unless `inputGradient` is false: then the first block computes
    /// only its parameters' part and `gradient` ends without meaning.
    ///
    /// - Parameters:
    ///   - inputRows: the rows of ∂/∂input that somebody reads; the others end without meaning. Nil for all.
    ///   - window: the rows that take part, see `RowWindow`; the others end without meaning. Nil for all, which a pass
    ///     that asks for parameters or drops inputs needs.
    package func backward(
        _ gradient: Matrix, _ layout: SequenceLayout, _ a: Activations, inputGradient: Bool = true,
        inputRows: RowSelection? = nil, window part: RowWindow? = nil, _ pass: Pass, _ context: Context
    ) {
        guard let scratch = a.scratch else { return }
        precondition(a.recording != .none, "a pass that recorded nothing has no adjoint")
        let whole = RowWindow(layout)
        let window = part ?? whole
        precondition(
            window.isWhole || inputRows == nil && pass.dropout == nil && !context.gradients.contains(.parameters),
            "a window has input gradients alone")
        for (index, block) in blocks.enumerated().reversed() {
            if a.recording == .blockInputs { _ = run(index, layout, whole, a, scratch, pass, context) }
            let (x, own, wantsInput) = (a.stream(index), a.block(index, of: block), inputGradient || index > 0)
            if let (top, rows) = selected(index, a) {
                top.backward(
                    gradient, input: x, layout, rows, top.viewing(own, rows), scratch, inputGradient: wantsInput, pass,
                    context)
            } else {
                block.backward(
                    gradient, input: x, window, own, scratch, inputGradient: wantsInput,
                    inputRows: index == 0 ? inputRows : nil, pass, context)
            }
        }
    }
}
