import Compute

/// Inputs, outputs and gradients of one attention operation; its objective is a fixed weighted sum of the outputs.
struct AttentionRun {
    let q, k, v, out, logSumExp, weights, dq, dk, dv: Matrix
    let layout: SequenceLayout
    let shape: AttentionShape
    let scratch: AttentionScratch
    let context: Context

    init(_ bench: Bench, _ layout: SequenceLayout, _ shape: AttentionShape) {
        let (tokens, width) = (layout.tokenCount, shape.headCount * shape.headDimension)
        let keyWidth = shape.keyValueHeadCount * shape.headDimension
        q = bench.normal(tokens, width, stream: 1)
        k = bench.normal(tokens, keyWidth, stream: 2)
        v = bench.normal(tokens, keyWidth, stream: 3)
        weights = bench.normal(tokens, width, stream: 4)
        out = bench.zeros(tokens, width)
        logSumExp = bench.zeros(tokens, shape.headCount)
        dq = bench.zeros(tokens, width)
        dk = bench.normal(tokens, keyWidth, stream: 5)
        dv = bench.normal(tokens, keyWidth, stream: 6)
        context = bench.context
        scratch = AttentionScratch(
            layout: layout, shape: shape, backward: true, in: context.arena, team: context.team)
        self.layout = layout
        self.shape = shape
    }

    func forward() {
        attention(
            q: q, k: k, v: v, spans: layout.spans, shape: shape, into: out, logSumExp: logSumExp, scratch: scratch,
            context)
    }

    func backward() {
        attentionBackward(
            weights, q: q, k: k, v: v, out: out, logSumExp: logSumExp, layout: layout, shape: shape, qGradient: dq,
            kGradient: dk, vGradient: dv, scratch: scratch, context)
    }

    func objective() -> Double {
        forward()
        return zip(out.values, weights.values).reduce(0) { sum, rows in
            sum + zip(rows.0, rows.1).reduce(0) { $0 + $1.0 * $1.1 }
        }
    }

    var results: [[[Double]]] { [out, dq, dk, dv].map(\.values) }

    /// Largest differences from the definition, relative to the largest value of each matrix.
    var errors: (out: Double, gradients: Double) {
        let (q, k, v, slopes) = (q.values, k.values, v.values, weights.values)
        let expected = ReferenceMath.attention(q: q, k: k, v: v, spans: layout.spans, shape: shape)
        let gradients = ReferenceMath.attentionGradients(
            slopes, q: q, k: k, v: v, spans: layout.spans, shape: shape)
        return (
            relativeError(out, expected),
            max(
                relativeError(dq, gradients.q), relativeError(dk, gradients.k), relativeError(dv, gradients.v))
        )
    }
}
