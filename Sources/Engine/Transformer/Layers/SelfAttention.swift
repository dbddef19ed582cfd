package import Compute

/// h = x + output(attention(rotate(norm(x) Wq), rotate(norm(x) Wk), norm(x) Wv)): the first half of a decoder block.
package struct SelfAttention {
    /// Applied to the input.
    package let norm: RMSNorm
    /// Members: query, key, value.
    package let projections: LinearGroup
    /// Back to the residual stream.
    package let output: LinearGroup
    /// Norms of single heads before rotation, where the family has them.
    package let queryNorm: HeadNorm?
    /// As `queryNorm`.
    package let keyNorm: HeadNorm?
    /// Heads, scale, window.
    package let shape: AttentionShape
    /// Shared by all layers of a model.
    package let rotary: RotaryTable

    /// Puts the parts together; both head norms or none.
    package init(
        norm: RMSNorm, projections: LinearGroup, output: LinearGroup, queryNorm: HeadNorm?, keyNorm: HeadNorm?,
        shape: AttentionShape, rotary: RotaryTable
    ) {
        self.norm = norm
        self.projections = projections
        self.output = output
        self.queryNorm = queryNorm
        self.keyNorm = keyNorm
        self.shape = shape
        self.rotary = rotary
    }

    /// What a pass keeps for its adjoint.
    package struct Activations: BitwiseCopyable {
        let inverseRMS: Matrix
        /// q, k and v side by side, as projected; without head norms q and k are rotated in place.
        let projected: Matrix
        /// Normed and rotated heads; windows of `projected` without head norms.
        let query, key: Matrix
        let queryInverseRMS, keyInverseRMS: Matrix
        /// What attention returns, before the output projection.
        let mixed: Matrix
        let logSumExp: Matrix
        let projections, output: LinearGroup.Activations
        let value: Matrix

        func rows(_ rows: Range<Int>) -> Activations {
            func part(_ matrix: Matrix) -> Matrix { matrix.rows(rows) }
            return Activations(
                inverseRMS: part(inverseRMS), projected: part(projected), query: part(query), key: part(key),
                queryInverseRMS: part(queryInverseRMS), keyInverseRMS: part(keyInverseRMS), mixed: part(mixed),
                logSumExp: part(logSumExp), projections: projections.rows(rows), output: output.rows(rows),
                value: part(value))
        }
    }

    /// Lays out the memory of a pass over `tokens` rows.
    package func activations(_ tokens: Int, in arena: Arena) -> Activations {
        let projected = arena.matrix(tokens, projections.outputWidth)
        let hasHeadNorms = queryNorm != nil
        let (queries, keys) = (projections.columns[0], projections.columns[1])
        return Activations(
            inverseRMS: arena.matrix(tokens, 1), projected: projected,
            query: hasHeadNorms ? arena.matrix(tokens, queries.count) : projected.columns(queries),
            key: hasHeadNorms ? arena.matrix(tokens, keys.count) : projected.columns(keys),
            queryInverseRMS: arena.matrix(tokens, hasHeadNorms ? shape.headCount : 0),
            keyInverseRMS: arena.matrix(tokens, hasHeadNorms ? shape.keyValueHeadCount : 0),
            mixed: arena.matrix(tokens, queries.count), logSumExp: arena.matrix(tokens, shape.headCount),
            projections: projections.activations(tokens, in: arena), output: output.activations(tokens, in: arena),
            value: projected.columns(projections.columns[2]))
    }

    /// Memory that another block has laid out, with the places of q, k and v that are this block's: they follow the
    /// order of its weights in memory, which can differ from block to block.
    func viewing(_ a: Activations) -> Activations {
        let (columns, hasHeadNorms) = (projections.columns, queryNorm != nil)
        return Activations(
            inverseRMS: a.inverseRMS, projected: a.projected,
            query: hasHeadNorms ? a.query : a.projected.columns(columns[0]),
            key: hasHeadNorms ? a.key : a.projected.columns(columns[1]), queryInverseRMS: a.queryInverseRMS,
            keyInverseRMS: a.keyInverseRMS, mixed: a.mixed, logSumExp: a.logSumExp, projections: a.projections,
            output: a.output, value: a.projected.columns(columns[2]))
    }

    /// Working memory, shared by all blocks.
    package struct Scratch: BitwiseCopyable {
        /// What the projections read. No pass keeps it: in the adjoint it holds its gradient, and then itself again.
        let normed: Matrix
        /// No rows without an adjoint.
        let mixedGradient, projectedGradient: Matrix
        /// Gradients of the normed heads; no columns without head norms.
        let queryGradient, keyGradient: Matrix

        /// For a pass over fewer rows.
        func rows(_ count: Int) -> Scratch {
            func part(_ matrix: Matrix) -> Matrix { matrix.rows(0..<min(count, matrix.rows)) }
            return Scratch(
                normed: part(normed), mixedGradient: part(mixedGradient), projectedGradient: part(projectedGradient),
                queryGradient: part(queryGradient), keyGradient: part(keyGradient))
        }
    }

    /// - Parameter backward: false leaves out what only the adjoint needs.
    package func scratch(_ tokens: Int, backward: Bool, in arena: Arena) -> Scratch {
        let (hasHeadNorms, differentiated) = (queryNorm != nil, backward ? tokens : 0)
        return Scratch(
            normed: arena.matrix(tokens, projections.inputWidth),
            mixedGradient: arena.matrix(differentiated, projections.columns[0].count),
            projectedGradient: arena.matrix(differentiated, projections.outputWidth),
            queryGradient: arena.matrix(differentiated, hasHeadNorms ? projections.columns[0].count : 0),
            keyGradient: arena.matrix(differentiated, hasHeadNorms ? projections.columns[1].count : 0))
    }

    /// - Parameters:
    ///   - x: tokens × hidden.
    ///   - window: the rows that are computed.
    ///   - h: tokens × hidden, overwritten.
    package func forward(
        _ x: Matrix, _ window: RowWindow, into h: Matrix, _ a: Activations, _ s: Scratch,
        attention scores: AttentionScratch, _ adapters: AdapterScratch, _ pass: Pass, _ context: Context
    ) {
        let (rows, own) = (window.rows, a.rows(window.rows))
        project(x.rows(rows), positions: window.positions, own, s, adapters, pass, context)
        attention(
            q: a.query, k: a.key, v: a.value, spans: window.spans, shape: shape, into: a.mixed,
            logSumExp: a.logSumExp, scratch: scores, context)
        finish(x.rows(rows), into: h.rows(rows), own, adapters, pass, context)
    }

    /// Rotated queries and keys, and values, of every row.
    func project(
        _ x: Matrix, positions: [Int32], _ a: Activations, _ s: Scratch, _ adapters: AdapterScratch, _ pass: Pass,
        _ context: Context
    ) {
        let normed = s.normed.rows(0..<x.rows)
        norm.forward(x, into: normed, inverseRMS: a.inverseRMS, context)
        projections.forward(normed, into: a.projected, a.projections, adapters, pass, context)
        queryNorm?.forward(
            a.projected.columns(projections.columns[0]), into: a.query, inverseRMS: a.queryInverseRMS, context)
        keyNorm?.forward(
            a.projected.columns(projections.columns[1]), into: a.key, inverseRMS: a.keyInverseRMS, context)
        rotate(a.query, positions: positions, table: rotary, context)
        rotate(a.key, positions: positions, table: rotary, context)
    }

    /// h = x + output(mixed).
    func finish(
        _ x: Matrix, into h: Matrix, _ a: Activations, _ adapters: AdapterScratch, _ pass: Pass, _ context: Context
    ) {
        output.forward(a.mixed, into: h, a.output, adapters, pass, context)
        accumulate(x, into: h, context)
    }

    /// `gradient` holds ∂/∂h and becomes ∂/∂x: the residual path needs no work. With `inputGradient` false only the
    /// parameters' part is computed and `gradient` is left as it is; with `inputRows` only those rows of it get a
    /// meaning. All of it in the rows of a window.
    package func backward(
        _ gradient: Matrix, input x: Matrix, _ window: RowWindow, _ a: Activations, _ s: Scratch,
        attention scores: AttentionScratch, _ adapters: AdapterScratch, inputGradient: Bool,
        inputRows: RowSelection? = nil, _ pass: Pass, _ context: Context
    ) {
        let rows = window.rows
        let (own, gradient, x) = (a.rows(rows), gradient.rows(rows), x.rows(rows))
        output.backward(
            gradient, input: own.mixed, own.output, adapters, inputGradient: s.mixedGradient.rows(rows), pass, context)
        let (dq, dk, dv) = headGradients(s)
        attentionBackward(
            s.mixedGradient, q: a.query, k: a.key, v: a.value, out: a.mixed, logSumExp: a.logSumExp,
            spans: window.spans, trees: window.trees, shape: shape, qGradient: dq, kGradient: dk, vGradient: dv,
            scratch: scores, context)
        rotate(dk.rows(rows), positions: window.positions, table: rotary, inverse: true, context)
        rotate(dq.rows(rows), positions: window.positions, table: rotary, inverse: true, context)
        normBackward(keyNorm, dk, a.keyInverseRMS, member: 1, a, s, rows, context)
        normBackward(queryNorm, dq, a.queryInverseRMS, member: 0, a, s, rows, context)
        let trainsNorm = norm.weight.wantedGradient(context) != nil
        let wantsNormed = inputGradient || trainsNorm
        if inputGradient, !trainsNorm, let inputRows {
            return backward(gradient, input: x, rows: inputRows, a, s, adapters, pass, context)
        }
        let (projectedGradient, normed) = (s.projectedGradient.rows(rows), s.normed.rows(0..<rows.count))
        projections.differentiate(
            projectedGradient, own.projections, adapters, inputGradient: wantsNormed ? normed : nil, pass, context)
        norm.backwardRestoring(
            normed, input: x, inverseRMS: own.inverseRMS, inputGradient: inputGradient ? gradient : nil, context)
        projections.accumulateGradients(projectedGradient, input: normed, adapters, pass, context)
    }

    /// The end of the adjoint for some rows: the others' projections get no input gradient.
    private func backward(
        _ gradient: Matrix, input x: Matrix, rows: RowSelection, _ a: Activations, _ s: Scratch,
        _ adapters: AdapterScratch, _ pass: Pass, _ context: Context
    ) {
        if context.gradients.contains(.parameters) {
            norm.forward(x, into: s.normed, inverseRMS: a.inverseRMS, context)
            projections.backward(
                s.projectedGradient, input: s.normed, a.projections, adapters, inputGradient: nil, pass,
                context.asking(for: .parameters))
        }
        rows.gatherInPlace(s.projectedGradient)
        let (selected, normedGradient) = (0..<rows.count, s.normed.rows(0..<rows.count))
        projections.differentiate(
            s.projectedGradient.rows(selected), a.projections.rows(selected), adapters, inputGradient: normedGradient,
            pass.on(rows), context.asking(for: .inputs))
        for run in rows.runs {
            norm.backward(
                normedGradient.rows(run.places), input: x.rows(run.rows), inverseRMS: a.inverseRMS.rows(run.rows),
                inputGradient: gradient.rows(run.rows), context)
        }
    }

    /// Where attention's adjoint writes: straight beside each other, or apart when head norms come in between.
    private func headGradients(_ s: Scratch) -> (query: Matrix, key: Matrix, value: Matrix) {
        let columns = projections.columns
        return (
            queryNorm == nil ? s.projectedGradient.columns(columns[0]) : s.queryGradient,
            keyNorm == nil ? s.projectedGradient.columns(columns[1]) : s.keyGradient,
            s.projectedGradient.columns(columns[2])
        )
    }

    private func normBackward(
        _ norm: HeadNorm?, _ dy: Matrix, _ inverseRMS: Matrix, member: Int, _ a: Activations, _ s: Scratch,
        _ rows: Range<Int>, _ context: Context
    ) {
        guard let norm else { return }
        let columns = projections.columns[member]
        let dx = s.projectedGradient.columns(columns).rows(rows)
        zero(dx, context)
        norm.backward(
            dy.rows(rows), input: a.projected.columns(columns).rows(rows), inverseRMS: inverseRMS.rows(rows),
            inputGradient: dx, context)
    }
}
