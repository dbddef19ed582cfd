package import Compute

/// The vocabulary projection fused with log-softmax: hidden states in, log-probabilities of given tokens out. Logits
/// exist for one chunk of rows at a time.
package struct LanguageModelHead {
    /// vocabulary × hidden; the embedding's own windows when tied, so that both gradients add up in one place.
    package let weight: Parameter
    /// Most rows of logits that are held at a time. Chunks are as equal as can be: for a few rows that are left, the
    /// weight would be packed once more.
    package let chunkRows: Int

    /// - Parameter chunkRows: by default as many as make about 75 MB of Float logits.
    package init(weight: Parameter, chunkRows: Int? = nil) {
        self.weight = weight
        let fitting = (18 << 20) / max(1, weight.elements.rows) / 32 * 32
        self.chunkRows = chunkRows ?? min(1024, max(32, fitting))
    }

    /// Whether the weight gets a gradient.
    package var isTrained: Bool { weight.gradient != nil }

    /// Number of tokens.
    package var vocabularySize: Int { weight.elements.rows }

    /// Memory for scoring `count` targets, forward and backward.
    ///
    /// - Parameter referenceHiddenSize: channels of the model that divergences compare with; by default as many as
    ///   here.
    package func scratch(
        count: Int, _ request: HeadRequest = [], referenceHiddenSize: Int? = nil, in arena: Arena
    ) -> HeadScratch {
        let rows = min(count, chunkRows)
        let (hiddenSize, vocabulary) = (weight.elements.columns, weight.elements.rows)
        let both = request.isSuperset(of: [.divergence, .reverseDivergence])
        return HeadScratch(
            hidden: arena.matrix(rows, hiddenSize), hiddenGradient: arena.matrix(rows, hiddenSize),
            referenceHidden: arena.matrix(request.comparesToReference ? rows : 0, referenceHiddenSize ?? hiddenSize),
            logits: arena.matrix(rows, vocabulary), second: arena.matrix(request.isEmpty ? 0 : rows, vocabulary),
            third: arena.matrix(both ? rows : 0, vocabulary), scales: arena.matrix(rows, 1),
            offsets: arena.matrix(rows, 1))
    }

    /// logits = hidden · weightᵀ for every row, for callers that want few of them: sampling, tests.
    package func logits(_ hidden: Matrix, into logits: Matrix, _ context: Context) {
        multiply(hidden.n, weight.elements.t, into: logits, context)
    }

    /// Fills `scores` for every target.
    ///
    /// - Parameter reference: needed when `scores.request` has a divergence.
    package func score(
        _ hidden: Matrix, _ targets: HeadTargets, into scores: HeadScores, _ scratch: HeadScratch,
        reference: HeadReference? = nil, _ context: Context
    ) {
        forEachChunk(targets.count) { range in
            let s = scratch.rows(range.count)
            computeLogits(hidden, targets.rows, range, s, context)
            scoreChunk(targets, range, scores, s, reference, context)
        }
    }

    /// Fills `scores` and, for every target, ∂ log p / ∂ its hidden row. A loss of the log-probabilities alone that is
    /// known afterwards then needs no logits again (`backward(_:through:…)`), unless the head's weight is trained.
    ///
    /// - Parameter slopes: count × hidden, overwritten.
    package func score(
        _ hidden: Matrix, _ targets: HeadTargets, into scores: HeadScores, slopes: Matrix, _ scratch: HeadScratch,
        _ context: Context
    ) {
        precondition(scores.request.isEmpty, "statistics and divergences need logits of their own")
        forEachChunk(targets.count) { range in
            let s = scratch.rows(range.count)
            computeLogits(hidden, targets.rows, range, s, context)
            scoreChunk(targets, range, scores, s, nil, context)
            s.scales.fill(-1)
            softmaxRows(s.logits, logSumExp: scores.logSumExp.rows(range), scales: s.scales, context)
            for (row, index) in range.enumerated() { s.logits[row, Int(targets.ids[index])] += 1 }
            multiply(s.logits.n, weight.elements.n, into: slopes.rows(range), context)
        }
    }

    /// The adjoint of the above: hidden gradient[row] += ∂L/∂log p · slope for every target.
    package func backward(
        _ logProbabilities: Matrix, through slopes: Matrix, _ targets: HeadTargets, hiddenGradient: Matrix,
        _ context: Context
    ) {
        targets.rows.withUnsafeBufferPointer {
            scatterAddRows(slopes, scales: logProbabilities, ids: $0, into: hiddenGradient, context)
        }
    }

    /// The adjoint of `score`: computes each chunk of logits again, adds to the weight gradient where wanted and to
    /// `hiddenGradient` (same rows as `hidden`).
    package func backward(
        _ gradient: HeadGradient, hidden: Matrix, _ targets: HeadTargets, _ scores: HeadScores, _ scratch: HeadScratch,
        reference: HeadReference? = nil, hiddenGradient: Matrix?, _ context: Context
    ) {
        forEachChunk(targets.count) { range in
            let s = scratch.rows(range.count)
            computeLogits(hidden, targets.rows, range, s, context)
            differentiateLogits(gradient, targets, range, scores, s, reference, context)
            accumulateGradients(targets.rows, range, s, hiddenGradient, context)
        }
    }

    /// `score` and `backward` in one, for losses whose derivative is known beforehand (−1/n for a mean of n): logits
    /// are computed once.
    package func scoreAndBackward(
        _ gradient: HeadGradient, hidden: Matrix, _ targets: HeadTargets, into scores: HeadScores,
        _ scratch: HeadScratch, hiddenGradient: Matrix?, _ context: Context
    ) {
        precondition(scores.request.isEmpty, "statistics and divergences need their own pass")
        forEachChunk(targets.count) { range in
            let s = scratch.rows(range.count)
            computeLogits(hidden, targets.rows, range, s, context)
            scoreChunk(targets, range, scores, s, nil, context)
            differentiateLogits(gradient, targets, range, scores, s, nil, context)
            accumulateGradients(targets.rows, range, s, hiddenGradient, context)
        }
    }

    /// The largest logit of each of `rows`, and hidden gradient[row] += its derivative: TI-DPO's attribution target.
    package func maximumLogitGradient(
        _ hidden: Matrix, rows: [Int32], into maxima: HeadMaxima, _ scratch: HeadScratch, hiddenGradient: Matrix,
        _ context: Context
    ) {
        forEachChunk(rows.count) { range in
            let s = scratch.rows(range.count)
            computeLogits(hidden, rows, range, s, context)
            let part = maxima.rows(range)
            rowMaxima(of: s.logits, into: part.values, indices: part.tokens, context)
            gatherRows(weight.elements, ids: UnsafeBufferPointer(part.tokens), into: s.hidden, context)
            for (row, index) in range.enumerated() {
                accumulate(s.hidden.row(row), into: hiddenGradient.row(Int(rows[index])), context)
            }
        }
    }

    private func forEachChunk(_ count: Int, _ body: (Range<Int>) -> Void) {
        let chunks = (count + chunkRows - 1) / chunkRows
        for chunk in 0..<chunks { body(count * chunk / chunks..<count * (chunk + 1) / chunks) }
    }

    private func computeLogits(
        _ hidden: Matrix, _ rows: [Int32], _ range: Range<Int>, _ s: HeadScratch, _ context: Context
    ) {
        gather(hidden, rows, range, into: s.hidden, context)
        logits(s.hidden, into: s.logits, context)
    }

    private func scoreChunk(
        _ targets: HeadTargets, _ range: Range<Int>, _ scores: HeadScores, _ s: HeadScratch,
        _ reference: HeadReference?, _ context: Context
    ) {
        let logSumExp = scores.logSumExp.rows(range)
        logSumExpRows(s.logits, into: logSumExp, context)
        for (row, index) in range.enumerated() {
            scores.logProbabilities[index, 0] = s.logits[row, Int(targets.ids[index])] - logSumExp[row, 0]
        }
        if scores.request.contains(.statistics) { statistics(range, scores, s, context) }
        if scores.request.comparesToReference, let reference {
            divergences(targets, range, scores, s, reference, context)
        }
    }

    private func statistics(_ range: Range<Int>, _ scores: HeadScores, _ s: HeadScratch, _ context: Context) {
        let (entropy, logSumExp, maxima) =
            (scores.entropy.rows(range), scores.logSumExp.rows(range), scores.maxima.rows(range))
        rowMeans(of: s.logits, into: scores.meanLogit.rows(range), context)
        rowMaxima(of: s.logits, into: maxima.values, indices: maxima.tokens, context)
        copy(s.logits, into: s.second, context)
        softmaxRows(s.second, logSumExp: logSumExp, context)
        // H = log Σ exp z − Σ p z
        rowDots(s.second, s.logits, into: entropy, context)
        for row in 0..<range.count { entropy[row, 0] = logSumExp[row, 0] - entropy[row, 0] }
    }

    /// Adds dZᵀ·H to the weight gradient and dZ·W to the rows of the hidden gradient; dZ is in `s.logits`.
    private func accumulateGradients(
        _ rows: [Int32], _ range: Range<Int>, _ s: HeadScratch, _ hiddenGradient: Matrix?, _ context: Context
    ) {
        weight.accumulateGradient(s.logits.t, s.hidden.n, context)
        guard let hiddenGradient else { return }
        multiply(s.logits.n, weight.elements.n, into: s.hiddenGradient, context)
        rows.withUnsafeBufferPointer { rows in
            let ids = UnsafeBufferPointer(rebasing: rows[range])
            scatterAddRows(s.hiddenGradient, ids: ids, into: hiddenGradient, context)
        }
    }
}

/// chunk[i] = hidden[rows[range][i]].
func gather(_ hidden: Matrix, _ rows: [Int32], _ range: Range<Int>, into chunk: Matrix, _ context: Context) {
    rows.withUnsafeBufferPointer { rows in
        gatherRows(hidden, ids: UnsafeBufferPointer(rebasing: rows[range]), into: chunk, context)
    }
}

extension Matrix {
    func row(_ index: Int) -> Matrix { rows(index..<index + 1) }
}
