package import Compute

/// One decoder layer: attention, then the gated network, each with its residual connection.
package struct DecoderBlock {
    /// The first half.
    package let attention: SelfAttention
    /// The second half.
    package let feedForward: GatedMLP

    /// A block of the two halves.
    package init(attention: SelfAttention, feedForward: GatedMLP) {
        self.attention = attention
        self.feedForward = feedForward
    }

    /// What a pass keeps for its adjoint.
    package struct Activations: BitwiseCopyable {
        /// Those of the first half.
        package let attention: SelfAttention.Activations
        /// The residual stream between the halves.
        let middle: Matrix
        let feedForward: GatedMLP.Activations

        /// The windows of some rows.
        func rows(_ rows: Range<Int>) -> Activations {
            Activations(
                attention: attention.rows(rows), middle: middle.rows(rows), feedForward: feedForward.rows(rows))
        }

        /// The windows of the first rows.
        func rows(_ count: Int) -> Activations { rows(0..<count) }
    }

    /// Lays out the memory of a pass over `tokens` rows.
    package func activations(_ tokens: Int, in arena: Arena) -> Activations {
        Activations(
            attention: attention.activations(tokens, in: arena),
            middle: arena.matrix(tokens, attention.projections.inputWidth),
            feedForward: feedForward.activations(tokens, in: arena))
    }

    /// Memory that another block of the same sizes has laid out, as this block uses it.
    func viewing(_ a: Activations) -> Activations {
        Activations(attention: attention.viewing(a.attention), middle: a.middle, feedForward: a.feedForward)
    }

    /// Working memory shared by all blocks of a stack.
    package struct Scratch: BitwiseCopyable {
        let scores: AttentionScratch
        let adapters: AdapterScratch
        let attention: SelfAttention.Scratch
        let feedForward: GatedMLP.Scratch

        /// For a pass over fewer rows.
        func rows(_ count: Int) -> Scratch {
            Scratch(
                scores: scores.rows(count), adapters: adapters, attention: attention.rows(count),
                feedForward: feedForward.rows(count))
        }
    }

    /// - Parameter backward: false leaves out what only the adjoint needs.
    package func scratch(_ tokens: Int, _ scores: AttentionScratch, backward: Bool, in arena: Arena) -> Scratch {
        Scratch(
            scores: scores, adapters: adapterScratch(tokens, in: arena),
            attention: attention.scratch(tokens, backward: backward, in: arena),
            feedForward: feedForward.scratch(tokens, backward: backward, in: arena))
    }

    private func adapterScratch(_ tokens: Int, in arena: Arena) -> AdapterScratch {
        let groups = [attention.projections, attention.output, feedForward.expansion, feedForward.down]
        return AdapterScratch(
            tokens: tokens, width: groups.filter(\.adapterRoom.dropsInput).map(\.inputWidth).max() ?? 0,
            rank: groups.map(\.adapterRoom.rank).max() ?? 0, in: arena)
    }

    /// y = block(x) for the rows of a window; they are overwritten.
    package func forward(
        _ x: Matrix, _ window: RowWindow, into y: Matrix, _ a: Activations, _ s: Scratch, _ pass: Pass,
        _ context: Context
    ) {
        attention.forward(
            x, window, into: a.middle, a.attention, s.attention, attention: s.scores, s.adapters, pass, context)
        feedForward.forward(
            a.middle.rows(window.rows), into: y.rows(window.rows), a.feedForward.rows(window.rows), s.feedForward,
            s.adapters, pass, context)
    }

    /// `gradient` holds ∂/∂y and becomes ∂/∂x (unless `inputGradient` is false, when only parameters get theirs), in
    /// the rows of a window.
    ///
    /// - Parameter inputRows: the rows of ∂/∂x that somebody reads; nil for all.
    package func backward(
        _ gradient: Matrix, input x: Matrix, _ window: RowWindow, _ a: Activations, _ s: Scratch,
        inputGradient: Bool, inputRows: RowSelection? = nil, _ pass: Pass, _ context: Context
    ) {
        feedForward.backward(
            gradient.rows(window.rows), input: a.middle.rows(window.rows), a.feedForward.rows(window.rows),
            s.feedForward, s.adapters, pass, context)
        attention.backward(
            gradient, input: x, window, a.attention, s.attention, attention: s.scores, s.adapters,
            inputGradient: inputGradient, inputRows: inputRows, pass, context)
    }
}
