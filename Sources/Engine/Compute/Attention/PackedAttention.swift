internal import CKernels

/// Attention by our own kernels for AVX-512, in the number type in which the team multiplies: one task works on the
/// heads that share one key/value head, whose keys and values are packed once.
///
/// The number of parts of a span, and which blocks of queries belong to which part, depend on the span alone; every
/// part adds to key gradients of its own. So results do not depend on the number of threads.
enum PackedAttention {
    case float32
    case bfloat16

    /// nil where there are no such kernels.
    init?(_ team: ThreadTeam) {
        if team.products == .bfloat16 {
            self = .bfloat16
        } else if ProductKernel.hasOwn {
            self = .float32
        } else {
            return nil
        }
    }

    /// Most parts of a span.
    static let mostParts = 2
    /// Spans of more queries are two parts: a row of some thousand tokens has few heads to share among threads.
    private static let longSpan = 512

    static func parts(of span: AttentionSpan) -> Int { span.queries.count > longSpan ? mostParts : 1 }

    /// Packed keys, values and blocks of every thread, and the rows of the keys of the span that it works on.
    struct Scratch: BitwiseCopyable {
        let kernel: PackedAttention
        let memory: Matrix
        let keyRows: UnsafeMutableBufferPointer<Int32>
        let maximumKeyCount: Int
    }

    func scratch(
        maximumKeyCount: Int, shape: AttentionShape, backward: Bool, in arena: Arena, team: ThreadTeam
    ) -> Scratch {
        let byteCount = self == .bfloat16 ? hone_bf16_attention_scratch : hone_f32_attention_scratch
        let bytes = byteCount(shape.headDimension, shape.groupSize, maximumKeyCount, backward ? 1 : 0)
        return Scratch(
            kernel: self, memory: arena.matrix(team.threads, bytes / MemoryLayout<Real>.stride),
            keyRows: arena.integers(team.threads * maximumKeyCount), maximumKeyCount: maximumKeyCount)
    }

    func forward(_ operands: AttentionOperands, _ spans: [AttentionSpan], _ scratch: Scratch, _ context: Context) {
        let heads = operands.shape.keyValueHeadCount
        let run = self == .bfloat16 ? hone_bf16_attention : hone_f32_attention
        context.team.tasks(spans.count * heads * Self.mostParts) { task, thread in
            let (index, part) = (task / Self.mostParts, task % Self.mostParts)
            let span = spans[index / heads]
            guard part < Self.parts(of: span) else { return }
            var call = scratch.call(operands, span, keyHead: index % heads, part: part, thread: thread)
            run(&call)
        }
    }

    /// - Parameter second: takes the gradients of keys and values of every second part.
    func backward(
        _ operands: AttentionOperands, _ gradients: AttentionGradients, _ second: AttentionGradients,
        _ spans: [AttentionSpan], trees: [Range<Int>], _ scratch: Scratch, _ context: Context
    ) {
        let heads = operands.shape.keyValueHeadCount
        let isSplit = spans.contains { Self.parts(of: $0) > 1 }
        if isSplit {
            zero(second.k, context)
            zero(second.v, context)
        }
        let run = self == .bfloat16 ? hone_bf16_attention_gradient : hone_f32_attention_gradient
        // One task owns a part's gradients of the keys of one tree and one key/value head.
        context.team.tasks(trees.count * heads * Self.mostParts) { task, thread in
            let (index, part) = (task / Self.mostParts, task % Self.mostParts)
            for span in spans[trees[index / heads]] where part < Self.parts(of: span) {
                var call = scratch.call(operands, span, keyHead: index % heads, part: part, thread: thread)
                call.write(part == 0 ? gradients : second, span, keyHead: index % heads, operands.shape)
                run(&call)
            }
        }
        if isSplit {
            accumulate(second.k, into: gradients.k, context)
            accumulate(second.v, into: gradients.v, context)
        }
    }
}

extension PackedAttention.Scratch {
    /// What the forward pass of one part of a span needs.
    fileprivate func call(
        _ operands: AttentionOperands, _ span: AttentionSpan, keyHead: Int, part: Int, thread: Int
    ) -> hone_attention {
        precondition(span.keyCount <= maximumKeyCount, "the scratch memory of attention was laid out for fewer keys")
        let shape = operands.shape
        let (firstHead, row) = (keyHead * shape.groupSize, span.queries.lowerBound)
        var call = hone_attention()
        (call.q, call.q_stride) = shape.source(firstHead, row, of: operands.q)
        (call.out, call.out_stride) = shape.place(firstHead, row, of: operands.out)
        (call.k, call.k_stride) = shape.source(keyHead, 0, of: operands.k)
        (call.v, call.v_stride) = shape.source(keyHead, 0, of: operands.v)
        call.log_sum = operands.logSumExp.base + row * operands.logSumExp.stride + firstHead
        call.log_sum_stride = operands.logSumExp.stride
        call.keys = UnsafePointer(rows(of: span, thread: thread))
        call.key_count = span.keyCount
        call.token_count = span.queries.count
        call.group = shape.groupSize
        call.width = shape.headDimension
        call.window = shape.window ?? .max
        call.scale = shape.scale
        call.part = part
        call.parts = PackedAttention.parts(of: span)
        call.scratch = UnsafeMutableRawPointer(memory.rows(thread..<thread + 1).base)
        return call
    }

    /// Writes down the rows of a span's keys.
    private func rows(of span: AttentionSpan, thread: Int) -> UnsafeMutablePointer<Int32>? {
        guard let base = keyRows.baseAddress else { return nil }
        let own = base + thread * maximumKeyCount
        var at = 0
        for range in span.keys {
            for row in range {
                own[at] = Int32(truncatingIfNeeded: row)
                at += 1
            }
        }
        return own
    }
}

extension hone_attention {
    fileprivate mutating func write(
        _ gradients: AttentionGradients, _ span: AttentionSpan, keyHead: Int, _ shape: AttentionShape
    ) {
        let (firstHead, row) = (keyHead * shape.groupSize, span.queries.lowerBound)
        (dout, dout_stride) = shape.source(firstHead, row, of: gradients.out)
        (dq, dq_stride) = shape.place(firstHead, row, of: gradients.q)
        (dk, dk_stride) = shape.place(keyHead, 0, of: gradients.k)
        (dv, dv_stride) = shape.place(keyHead, 0, of: gradients.v)
    }
}

extension AttentionShape {
    /// Where a head of a row begins, and how far it is to the next row.
    fileprivate func place(_ head: Int, _ row: Int, of x: Matrix) -> (UnsafeMutablePointer<Real>, Int) {
        (x.base + row * x.stride + head * headDimension, x.stride)
    }

    /// The same of what is only read.
    fileprivate func source(_ head: Int, _ row: Int, of x: Matrix) -> (UnsafePointer<Real>, Int) {
        (UnsafePointer(place(head, row, of: x).0), x.stride)
    }
}
