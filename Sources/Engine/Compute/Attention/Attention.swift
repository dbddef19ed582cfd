/// Causal attention over packed sequences: softmax(scale · q kᵀ) v for every head and span.
///
/// Scores exist for one block of queries at a time, never as a whole matrix. A team that multiplies in bfloat16 rounds
/// both sides of these products too; the softmax is in the engine's type.
/// - Parameters:
///   - q: tokens × headCount·headDimension, already rotated.
///   - k, v: keys × keyValueHeadCount·headDimension; `spans` name their rows.
///   - out: like `q`.
///   - logSumExp: tokens × headCount, kept for the adjoint.
package func attention(
    q: Matrix, k: Matrix, v: Matrix, spans: [AttentionSpan], shape: AttentionShape, into out: Matrix,
    logSumExp: Matrix, scratch: AttentionScratch, _ context: Context
) {
    let heads = AttentionOperands(q: q, k: k, v: v, out: out, logSumExp: logSumExp, shape: shape)
    switch scratch.memory {
    case .plain(let memory): PlainAttention(operands: heads, scratch: memory).forward(spans, context)
    case .packed(let memory): memory.kernel.forward(heads, spans, memory, context)
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
    let heads = AttentionOperands(q: q, k: k, v: v, out: out, logSumExp: logSumExp, shape: shape)
    let gradients = AttentionGradients(out: dOut, q: dq, k: dk, v: dv)
    switch scratch.memory {
    case .plain(let memory):
        PlainAttention(operands: heads, scratch: memory).backward(gradients, spans, trees: trees, context)
    case .packed(let memory):
        let second = AttentionGradients(out: dOut, q: dq, k: scratch.keyGradient, v: scratch.valueGradient)
        memory.kernel.backward(heads, gradients, second, spans, trees: trees, memory, context)
    }
}

/// What both directions of attention read and the forward one writes.
struct AttentionOperands {
    let q, k, v, out, logSumExp: Matrix
    let shape: AttentionShape
}

/// ∂/∂out, and the gradients that the adjoint writes.
struct AttentionGradients: BitwiseCopyable {
    let out, q, k, v: Matrix
}
