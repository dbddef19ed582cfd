import Compute

/// Attention whose queries are some of the rows: keys and values of all rows, everything after them for the selected.
///
/// It works in the memory that the whole layer has laid out, so a selection changes no plan of memory.
struct SelectedAttention {
    let whole: SelfAttention
    /// The first member of the whole layer's projections; the other two.
    let query, keyValue: LinearGroup

    init(_ whole: SelfAttention) {
        self.whole = whole
        query = whole.projections.part(0...0)
        keyValue = whole.projections.part(1...2)
    }

    struct Activations: BitwiseCopyable {
        /// Of all rows.
        let inverseRMS: Matrix
        /// k and v of all rows, side by side; q of the selected rows.
        let keyValueProjected, queryProjected: Matrix
        /// Normed and rotated heads, and values.
        let query, key, value: Matrix
        let queryInverseRMS, keyInverseRMS: Matrix
        /// Of the selected rows.
        let mixed, logSumExp: Matrix
        let keyValueProjections, queryProjections, output: LinearGroup.Activations
    }

    /// Keys and values come first in the whole layer's memory, queries behind them.
    func viewing(_ a: SelfAttention.Activations, _ rows: RowSelection) -> Activations {
        let projected = split(a.projected, keyValue.outputWidth, query.outputWidth, rows)
        let lowRank = split(a.projections.lowRank, keyValue.adapterRoom.rank, query.adapterRoom.rank, rows)
        let (hasHeadNorms, selected) = (whole.queryNorm != nil, 0..<rows.count)
        return Activations(
            inverseRMS: a.inverseRMS, keyValueProjected: projected.all,
            queryProjected: projected.selected, query: hasHeadNorms ? a.query.rows(selected) : projected.selected,
            key: hasHeadNorms ? a.key : projected.all.columns(keyValue.columns[0]),
            value: projected.all.columns(keyValue.columns[1]), queryInverseRMS: a.queryInverseRMS.rows(selected),
            keyInverseRMS: a.keyInverseRMS, mixed: a.mixed.rows(selected), logSumExp: a.logSumExp.rows(selected),
            keyValueProjections: LinearGroup.Activations(lowRank: lowRank.all),
            queryProjections: LinearGroup.Activations(lowRank: lowRank.selected), output: a.output.rows(selected))
    }

    private func split(
        _ memory: Matrix, _ allColumns: Int, _ selectedColumns: Int, _ rows: RowSelection
    ) -> (all: Matrix, selected: Matrix) {
        (
            Matrix(base: memory.base, rows: memory.rows, columns: allColumns),
            Matrix(base: memory.base + memory.rows * allColumns, rows: rows.count, columns: selectedColumns)
        )
    }

    /// - Parameters:
    ///   - x: all rows.
    ///   - residual: the selected rows of x.
    ///   - selectedNormed: working memory, selected rows × hidden.
    ///   - h: selected rows × hidden, overwritten.
    func forward(
        _ x: Matrix, residual: Matrix, _ layout: SequenceLayout, _ rows: RowSelection, selectedNormed: Matrix,
        into h: Matrix, _ a: Activations, _ s: DecoderBlock.Scratch, _ pass: Pass, _ context: Context
    ) {
        let selected = pass.on(rows)
        let normed = s.attention.normed
        whole.norm.forward(x, into: normed, inverseRMS: a.inverseRMS, context)
        keyValue.forward(normed, into: a.keyValueProjected, a.keyValueProjections, s.adapters, pass, context)
        rows.gather(normed, into: selectedNormed, context)
        query.forward(selectedNormed, into: a.queryProjected, a.queryProjections, s.adapters, selected, context)
        whole.keyNorm?.forward(
            a.keyValueProjected.columns(keyValue.columns[0]), into: a.key, inverseRMS: a.keyInverseRMS, context)
        whole.queryNorm?.forward(a.queryProjected, into: a.query, inverseRMS: a.queryInverseRMS, context)
        rotate(a.key, positions: layout.positions, table: whole.rotary, context)
        rotate(a.query, positions: rows.positions, table: whole.rotary, context)
        attention(
            q: a.query, k: a.key, v: a.value, spans: rows.spans, shape: whole.shape, into: a.mixed,
            logSumExp: a.logSumExp, scratch: s.scores, context)
        whole.output.forward(a.mixed, into: h, a.output, s.adapters, selected, context)
        accumulate(residual, into: h, context)
    }

    /// The first rows of `gradient` hold ∂/∂h of the selected rows; all of it becomes ∂/∂x, unless `inputGradient` is
    /// false.
    ///
    /// - Parameters:
    ///   - selectedNormed, selectedGradient: working memory, selected rows × hidden.
    func backward(
        _ gradient: Matrix, input x: Matrix, _ layout: SequenceLayout, _ rows: RowSelection, selectedNormed: Matrix,
        selectedGradient: Matrix, _ a: Activations, _ s: DecoderBlock.Scratch, inputGradient: Bool, _ pass: Pass,
        _ context: Context
    ) {
        let (scratch, selected) = (s.attention, pass.on(rows))
        let mixedGradient = scratch.mixedGradient.rows(0..<rows.count)
        whole.output.backward(
            gradient.rows(0..<rows.count), input: a.mixed, a.output, s.adapters, inputGradient: mixedGradient, selected,
            context)
        let projected = split(scratch.projectedGradient, keyValue.outputWidth, query.outputWidth, rows)
        differentiateHeads(mixedGradient, layout, rows, projected.all, projected.selected, a, s, context)
        if context.gradients.contains(.parameters) {
            accumulateGradients(x, projected, rows, selectedNormed: selectedNormed, a, s, pass, context)
        }
        guard inputGradient || whole.norm.weight.wantedGradient(context) != nil else { return }
        let inputs = context.asking(for: .inputs)
        keyValue.differentiate(
            projected.all, a.keyValueProjections, s.adapters, inputGradient: scratch.normed, pass, inputs)
        query.differentiate(
            projected.selected, a.queryProjections, s.adapters, inputGradient: selectedGradient, selected, inputs)
        rows.scatterAdd(selectedGradient, into: scratch.normed, context)
        rows.spreadInPlace(gradient)
        whole.norm.backward(
            scratch.normed, input: x, inverseRMS: a.inverseRMS, inputGradient: inputGradient ? gradient : nil, context)
    }

    /// The projections' parameters alone.
    private func accumulateGradients(
        _ x: Matrix, _ projected: (all: Matrix, selected: Matrix), _ rows: RowSelection, selectedNormed: Matrix,
        _ a: Activations, _ s: DecoderBlock.Scratch, _ pass: Pass, _ context: Context
    ) {
        let (normed, parameters) = (s.attention.normed, context.asking(for: .parameters))
        whole.norm.forward(x, into: normed, inverseRMS: a.inverseRMS, context)
        keyValue.backward(
            projected.all, input: normed, a.keyValueProjections, s.adapters, inputGradient: nil, pass, parameters)
        rows.gather(normed, into: selectedNormed, context)
        query.backward(
            projected.selected, input: selectedNormed, a.queryProjections, s.adapters, inputGradient: nil, pass.on(rows),
            parameters)
    }

    /// From what attention returned down to q, k and v as projected.
    private func differentiateHeads(
        _ mixedGradient: Matrix, _ layout: SequenceLayout, _ rows: RowSelection, _ keyValueGradient: Matrix,
        _ queryGradient: Matrix, _ a: Activations, _ s: DecoderBlock.Scratch, _ context: Context
    ) {
        let keyColumns = keyValue.columns[0]
        let dq = whole.queryNorm == nil ? queryGradient : s.attention.queryGradient.rows(0..<rows.count)
        let dk = whole.keyNorm == nil ? keyValueGradient.columns(keyColumns) : s.attention.keyGradient
        attentionBackward(
            mixedGradient, q: a.query, k: a.key, v: a.value, out: a.mixed, logSumExp: a.logSumExp, spans: rows.spans,
            trees: rows.trees, shape: whole.shape, qGradient: dq, kGradient: dk,
            vGradient: keyValueGradient.columns(keyValue.columns[1]), scratch: s.scores, context)
        rotate(dk, positions: layout.positions, table: whole.rotary, inverse: true, context)
        rotate(dq, positions: rows.positions, table: whole.rotary, inverse: true, context)
        if let keyNorm = whole.keyNorm {
            zero(keyValueGradient.columns(keyColumns), context)
            keyNorm.backward(
                dk, input: a.keyValueProjected.columns(keyColumns), inverseRMS: a.keyInverseRMS,
                inputGradient: keyValueGradient.columns(keyColumns), context)
        }
        if let queryNorm = whole.queryNorm {
            zero(queryGradient, context)
            queryNorm.backward(
                dq, input: a.queryProjected, inverseRMS: a.queryInverseRMS, inputGradient: queryGradient, context)
        }
    }
}
