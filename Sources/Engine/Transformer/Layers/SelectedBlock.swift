import Compute

/// A decoder block of whose output only some rows are read: keys and values of all rows, nothing else of the others.
/// GMSA's decoder reads targets alone, alignment reads responses alone.
struct SelectedBlock {
    let attention: SelectedAttention
    let feedForward: GatedMLP

    /// Nil for a block whose scratch has no room for the selected rows: one with hardly any feed-forward channels.
    init?(_ block: DecoderBlock) {
        guard block.feedForward.expansion.outputWidth >= block.feedForward.expansion.inputWidth else { return nil }
        attention = SelectedAttention(block.attention)
        feedForward = block.feedForward
    }

    struct Activations: BitwiseCopyable {
        let attention: SelectedAttention.Activations
        let middle: Matrix
        let feedForward: GatedMLP.Activations
    }

    /// The memory of the whole block, used for fewer rows.
    func viewing(_ a: DecoderBlock.Activations, _ rows: RowSelection) -> Activations {
        Activations(
            attention: attention.viewing(a.attention, rows), middle: a.middle.rows(0..<rows.count),
            feedForward: a.feedForward.rows(0..<rows.count))
    }

    /// The selected rows of `y` become block(x), the others zero.
    func forward(
        _ x: Matrix, _ layout: SequenceLayout, _ rows: RowSelection, into y: Matrix, _ a: Activations,
        _ s: DecoderBlock.Scratch, _ pass: Pass, _ context: Context
    ) {
        let output = y.rows(0..<rows.count)
        rows.gather(x, into: output, context)
        attention.forward(
            x, residual: output, layout, rows, selectedNormed: s.feedForward.normed.rows(0..<rows.count),
            into: a.middle, a.attention, s, pass, context)
        feedForward.forward(a.middle, into: output, a.feedForward, s.feedForward, s.adapters, pass.on(rows), context)
        rows.spreadInPlace(y)
    }

    /// `gradient` holds ∂/∂y, zero but in the selected rows, and becomes ∂/∂x (unless `inputGradient` is false).
    func backward(
        _ gradient: Matrix, input x: Matrix, _ layout: SequenceLayout, _ rows: RowSelection, _ a: Activations,
        _ s: DecoderBlock.Scratch, inputGradient: Bool, _ pass: Pass, _ context: Context
    ) {
        rows.gatherInPlace(gradient)
        feedForward.backward(
            gradient.rows(0..<rows.count), input: a.middle, a.feedForward, s.feedForward, s.adapters, pass.on(rows),
            context)
        // What the feed-forward half used is free again.
        let selectedGradient = Matrix(base: s.feedForward.expandedGradient.base, rows: rows.count, columns: x.columns)
        attention.backward(
            gradient, input: x, layout, rows, selectedNormed: s.feedForward.normed.rows(0..<rows.count),
            selectedGradient: selectedGradient, a.attention, s, inputGradient: inputGradient, pass, context)
    }
}
