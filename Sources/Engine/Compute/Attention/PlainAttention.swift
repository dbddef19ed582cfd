internal import CKernels

/// Attention by whole products of blocks of queries with all their keys: for processors without AVX-512 and for
/// numbers in Double, where it is what the packed kernels are checked against.
struct PlainAttention {
    let operands: AttentionOperands
    let scratch: Scratch

    /// Two blocks of scores for every thread.
    struct Scratch: BitwiseCopyable {
        /// Queries that are handled at a time.
        static let queryBlock = 64

        let scores, scoreGradients: Matrix

        /// Room for spans of up to `maximumKeyCount` keys.
        init(maximumKeyCount: Int, backward: Bool, in arena: Arena, team: ThreadTeam) {
            let width = (maximumKeyCount + 15) / 16 * 16
            scores = arena.matrix(team.threads * Self.queryBlock, width)
            scoreGradients = arena.matrix(backward ? team.threads * Self.queryBlock : 0, width)
        }

        func block(of matrix: Matrix, thread: Int, rows: Int, columns: Int) -> Matrix {
            let start = thread * Self.queryBlock
            return matrix.rows(start..<start + rows).columns(0..<columns)
        }
    }

    private var shape: AttentionShape { operands.shape }

    func forward(_ spans: [AttentionSpan], _ context: Context) {
        context.team.tasks(spans.count * shape.headCount) { task, thread in
            forward(spans[task / shape.headCount], head: task % shape.headCount, thread: thread)
        }
    }

    private func forward(_ span: AttentionSpan, head: Int, thread: Int) {
        let (keyHead, o) = (head / shape.groupSize, operands)
        let (key, value) = (shape.head(keyHead, of: o.k), shape.head(keyHead, of: o.v))
        let (query, output) = (shape.head(head, of: o.q), shape.head(head, of: o.out))
        forEachQueryBlock(of: span) { rows, first in
            let columns = min(span.keyCount, first + rows.count)
            let block = scratch.block(of: scratch.scores, thread: thread, rows: rows.count, columns: columns)
            let normalizers = o.logSumExp.rows(rows).columns(head..<head + 1)
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

    func backward(
        _ gradients: AttentionGradients, _ spans: [AttentionSpan], trees: [Range<Int>], _ context: Context
    ) {
        // One task owns the keys of one tree and one key/value head: nobody else adds to their gradients.
        context.team.tasks(trees.count * shape.keyValueHeadCount) { task, thread in
            let keyHead = task % shape.keyValueHeadCount
            for span in spans[trees[task / shape.keyValueHeadCount]] {
                for head in keyHead * shape.groupSize..<(keyHead + 1) * shape.groupSize {
                    backward(gradients, span, head: head, keyHead: keyHead, thread: thread)
                }
            }
        }
    }

    private func backward(
        _ gradients: AttentionGradients, _ span: AttentionSpan, head: Int, keyHead: Int, thread: Int
    ) {
        let o = operands
        let (k, v) = (shape.head(keyHead, of: o.k), shape.head(keyHead, of: o.v))
        let (dk, dv) = (shape.head(keyHead, of: gradients.k), shape.head(keyHead, of: gradients.v))
        forEachQueryBlock(of: span) { rows, first in
            let columns = min(span.keyCount, first + rows.count)
            let p = scratch.block(of: scratch.scores, thread: thread, rows: rows.count, columns: columns)
            let dp = scratch.block(of: scratch.scoreGradients, thread: thread, rows: rows.count, columns: columns)
            let (query, out) = (shape.head(head, of: o.q).rows(rows), shape.head(head, of: o.out).rows(rows))
            let dOut = shape.head(head, of: gradients.out).rows(rows)
            let dq = shape.head(head, of: gradients.q).rows(rows)
            let normalizers = o.logSumExp.columns(head..<head + 1).rows(rows)
            forEachKeyRange(of: span, below: columns) { keys, at in
                multiplyHere(query.n, k.rows(keys).t, into: p.columns(at), accumulate: false, scale: shape.scale)
                multiplyHere(dOut.n, v.rows(keys).t, into: dp.columns(at), accumulate: false, scale: 1)
            }
            hone_causal_probabilities(
                p.base, p.stride, first, shape.window ?? .max, normalizers.base, normalizers.stride, rows.count,
                columns)
            forEachKeyRange(of: span, below: columns) { keys, at in
                multiplyHere(p.columns(at).t, dOut.n, into: dv.rows(keys), accumulate: true, scale: 1)
            }
            hone_softmax_gradient(
                p.base, dp.base, p.stride, dOut.base, dOut.stride, out.base, out.stride, shape.headDimension,
                shape.scale, rows.count, columns)
            forEachKeyRange(of: span, below: columns) { keys, at in
                multiplyHere(dp.columns(at).n, k.rows(keys).n, into: dq, accumulate: at.lowerBound > 0, scale: 1)
                multiplyHere(dp.columns(at).t, query.n, into: dk.rows(keys), accumulate: true, scale: 1)
            }
        }
    }
}

/// Visits the query rows of a span block by block, with the number of keys before the block's first own key.
private func forEachQueryBlock(of span: AttentionSpan, _ body: (_ rows: Range<Int>, _ first: Int) -> Void) {
    var start = span.queries.lowerBound
    while start < span.queries.upperBound {
        let end = min(start + PlainAttention.Scratch.queryBlock, span.queries.upperBound)
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
