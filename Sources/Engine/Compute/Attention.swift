internal import CKernels

/// Sizes of one attention operation. Query heads are split evenly over the key/value heads.
package struct AttentionShape: Sendable, Hashable {
    package let headCount: Int
    package let keyValueHeadCount: Int
    package let headDimension: Int
    /// Factor on the scores, usually 1/√headDimension.
    package let scale: Real
    /// A window of w lets a token see w tokens, itself included; nil sees everything before.
    package let window: Int?

    package init(headCount: Int, keyValueHeadCount: Int, headDimension: Int, scale: Real, window: Int? = nil) {
        precondition(headCount % keyValueHeadCount == 0, "heads must divide evenly over key/value heads")
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headDimension = headDimension
        self.scale = scale
        self.window = window
    }

    /// Query heads that share one key/value head.
    var groupSize: Int { headCount / keyValueHeadCount }

    func head(_ index: Int, of x: Matrix) -> Matrix {
        x.columns(index * headDimension..<(index + 1) * headDimension)
    }
}

/// Working memory of attention: two blocks of scores for every thread.
package struct AttentionScratch: BitwiseCopyable {
    /// Queries that are handled at a time.
    package static let queryBlock = 64

    let scores, scoreGradients: Matrix
    let width: Int

    /// Room for spans of up to `maximumKeyCount` keys.
    package init(maximumKeyCount: Int, in arena: Arena, team: ThreadTeam) {
        width = (maximumKeyCount + 15) / 16 * 16
        scores = arena.matrix(team.threads * Self.queryBlock, width)
        scoreGradients = arena.matrix(team.threads * Self.queryBlock, width)
    }

    /// Room for the spans of a layout.
    package init(layout: SequenceLayout, in arena: Arena, team: ThreadTeam) {
        self.init(maximumKeyCount: layout.spans.map(\.keyCount).max() ?? 1, in: arena, team: team)
    }

    func block(of matrix: Matrix, thread: Int, rows: Int, columns: Int) -> Matrix {
        let start = thread * Self.queryBlock
        return matrix.rows(start..<start + rows).columns(0..<columns)
    }
}

/// Causal attention over packed sequences: softmax(scale · q kᵀ) v for every head and span.
///
/// Scores exist for one block of queries at a time, never as a whole matrix.
/// - Parameters:
///   - q: tokens × headCount·headDimension, already rotated.
///   - k, v: keys × keyValueHeadCount·headDimension; `spans` name their rows.
///   - out: like `q`.
///   - logSumExp: tokens × headCount, kept for the adjoint.
package func attention(
    q: Matrix, k: Matrix, v: Matrix, spans: [AttentionSpan], shape: AttentionShape, into out: Matrix,
    logSumExp: Matrix, scratch: AttentionScratch, _ context: Context
) {
    context.team.tasks(spans.count * shape.headCount) { task, thread in
        let span = spans[task / shape.headCount]
        let head = task % shape.headCount
        let keyHead = head / shape.groupSize
        let (key, value) = (shape.head(keyHead, of: k), shape.head(keyHead, of: v))
        let (query, output) = (shape.head(head, of: q), shape.head(head, of: out))
        forEachQueryBlock(of: span) { rows, first in
            let columns = min(span.keyCount, first + rows.count)
            let block = scratch.block(of: scratch.scores, thread: thread, rows: rows.count, columns: columns)
            let normalizers = logSumExp.rows(rows).columns(head..<head + 1)
            forEachKeyRange(of: span, below: columns) { keys, at in
                multiplyHere(
                    query.rows(rows).n, key.rows(keys).t, into: block.columns(at), accumulate: false,
                    scale: shape.scale)
            }
            hone_causal_softmax(
                block.base, block.stride, first, shape.window ?? .max, normalizers.base, normalizers.stride,
                rows.count, columns)
            forEachKeyRange(of: span, below: columns) { keys, at in
                multiplyHere(
                    block.columns(at).n, value.rows(keys).n, into: output.rows(rows), accumulate: at.lowerBound > 0,
                    scale: 1)
            }
        }
    }
}

/// The adjoint of `attention` over a layout. Overwrites the three gradients; probabilities are computed again.
package func attentionBackward(
    _ dOut: Matrix, q: Matrix, k: Matrix, v: Matrix, out: Matrix, logSumExp: Matrix, layout: SequenceLayout,
    shape: AttentionShape, qGradient dq: Matrix, kGradient dk: Matrix, vGradient dv: Matrix,
    scratch: AttentionScratch, _ context: Context
) {
    attentionBackward(
        dOut, q: q, k: k, v: v, out: out, logSumExp: logSumExp, spans: layout.spans, trees: layout.trees, shape: shape,
        qGradient: dq, kGradient: dk, vGradient: dv, scratch: scratch, context)
}

/// The same over any spans. Those of different `trees` share no keys.
package func attentionBackward(
    _ dOut: Matrix, q: Matrix, k: Matrix, v: Matrix, out: Matrix, logSumExp: Matrix, spans: [AttentionSpan],
    trees: [Range<Int>], shape: AttentionShape, qGradient dq: Matrix, kGradient dk: Matrix, vGradient dv: Matrix,
    scratch: AttentionScratch, _ context: Context
) {
    zero(dk, context)
    zero(dv, context)
    // One task owns the keys of one tree and one key/value head: nobody else adds to their gradients.
    context.team.tasks(trees.count * shape.keyValueHeadCount) { task, thread in
        let keyHead = task % shape.keyValueHeadCount
        for span in spans[trees[task / shape.keyValueHeadCount]] {
            for head in keyHead * shape.groupSize..<(keyHead + 1) * shape.groupSize {
                attentionBackward(
                    dOut: shape.head(head, of: dOut), q: shape.head(head, of: q), k: shape.head(keyHead, of: k),
                    v: shape.head(keyHead, of: v), out: shape.head(head, of: out),
                    logSumExp: logSumExp.columns(head..<head + 1), span: span, shape: shape,
                    dq: shape.head(head, of: dq), dk: shape.head(keyHead, of: dk), dv: shape.head(keyHead, of: dv),
                    scratch: scratch, thread: thread)
            }
        }
    }
}

/// One head of one span.
private func attentionBackward(
    dOut: Matrix, q: Matrix, k: Matrix, v: Matrix, out: Matrix, logSumExp: Matrix, span: AttentionSpan,
    shape: AttentionShape, dq: Matrix, dk: Matrix, dv: Matrix, scratch: AttentionScratch, thread: Int
) {
    forEachQueryBlock(of: span) { rows, first in
        let columns = min(span.keyCount, first + rows.count)
        let p = scratch.block(of: scratch.scores, thread: thread, rows: rows.count, columns: columns)
        let dp = scratch.block(of: scratch.scoreGradients, thread: thread, rows: rows.count, columns: columns)
        let (query, dOut, out, dq) = (q.rows(rows), dOut.rows(rows), out.rows(rows), dq.rows(rows))
        let normalizers = logSumExp.rows(rows)
        forEachKeyRange(of: span, below: columns) { keys, at in
            multiplyHere(query.n, k.rows(keys).t, into: p.columns(at), accumulate: false, scale: shape.scale)
            multiplyHere(dOut.n, v.rows(keys).t, into: dp.columns(at), accumulate: false, scale: 1)
        }
        hone_causal_probabilities(
            p.base, p.stride, first, shape.window ?? .max, normalizers.base, normalizers.stride, rows.count, columns)
        forEachKeyRange(of: span, below: columns) { keys, at in
            multiplyHere(p.columns(at).t, dOut.n, into: dv.rows(keys), accumulate: true, scale: 1)
        }
        hone_softmax_gradient(
            p.base, dp.base, p.stride, dOut.base, dOut.stride, out.base, out.stride, shape.headDimension, shape.scale,
            rows.count, columns)
        forEachKeyRange(of: span, below: columns) { keys, at in
            multiplyHere(dp.columns(at).n, k.rows(keys).n, into: dq, accumulate: at.lowerBound > 0, scale: 1)
            multiplyHere(dp.columns(at).t, query.n, into: dk.rows(keys), accumulate: true, scale: 1)
        }
    }
}

/// Visits the query rows of a span block by block, with the number of keys before the block's first own key.
private func forEachQueryBlock(of span: AttentionSpan, _ body: (_ rows: Range<Int>, _ first: Int) -> Void) {
    var start = span.queries.lowerBound
    while start < span.queries.upperBound {
        let end = min(start + AttentionScratch.queryBlock, span.queries.upperBound)
        body(start..<end, span.offset + start - span.queries.lowerBound)
        start = end
    }
}

/// Visits the key rows of a span, up to `limit` keys, with the columns of the score block that belong to them.
private func forEachKeyRange(
    of span: AttentionSpan, below limit: Int, _ body: (_ keys: Range<Int>, _ columns: Range<Int>) -> Void
) {
    var at = 0
    for keys in span.keys where at < limit {
        let count = min(keys.count, limit - at)
        body(keys.lowerBound..<keys.lowerBound + count, at..<at + count)
        at += count
    }
}
