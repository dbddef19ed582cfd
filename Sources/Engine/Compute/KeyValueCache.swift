internal import CKernels

/// Keys and values of one layer for a batch of growing sequences.
///
/// Sequence s owns rows s·capacity ..< (s + 1)·capacity of both matrices; the caller keeps the lengths.
package struct KeyValueCache: BitwiseCopyable {
    package let keys, values: Matrix
    /// Tokens that each sequence may hold.
    package let capacity: Int

    package init(sequences: Int, capacity: Int, width: Int, in arena: Arena) {
        keys = arena.matrix(sequences * capacity, width)
        values = arena.matrix(sequences * capacity, width)
        self.capacity = capacity
    }

    /// The row of one token of one sequence.
    package func row(sequence: Int, token: Int) -> Int { sequence * capacity + token }

    /// The span of `queries` that are the newest tokens of a sequence of `length` tokens, themselves included.
    package func span(sequence: Int, length: Int, queries: Range<Int>) -> AttentionSpan {
        let start = row(sequence: sequence, token: 0)
        return AttentionSpan(queries: queries, keys: [start..<start + length])
    }

    /// Stores rows of keys and values as tokens `from...` of a sequence.
    package func store(keys newKeys: Matrix, values newValues: Matrix, sequence: Int, from token: Int) {
        let start = row(sequence: sequence, token: token)
        keys.rows(start..<start + newKeys.rows).copy(from: newKeys)
        values.rows(start..<start + newValues.rows).copy(from: newValues)
    }
}

/// Working memory of `attentionDecode`: scores of one group of heads for every thread.
package struct DecodeScratch: BitwiseCopyable {
    let scores: Matrix

    package init(maximumKeyCount: Int, shape: AttentionShape, in arena: Arena, team: ThreadTeam) {
        scores = arena.matrix(team.threads, shape.groupSize * maximumKeyCount)
    }
}

/// Attention of one new token for each of several sequences over their cached keys and values.
///
/// - Parameters:
///   - q: one row per decoded sequence, already rotated.
///   - sequences: the cache's sequence of each row.
///   - lengths: tokens of each in the cache, the new one included.
package func attentionDecode(
    q: Matrix, cache: KeyValueCache, sequences: [Int], lengths: [Int], shape: AttentionShape, into out: Matrix,
    scratch: DecodeScratch, _ context: Context
) {
    context.team.tasks(q.rows * shape.keyValueHeadCount) { task, thread in
        let (row, keyHead) = (task / shape.keyValueHeadCount, task % shape.keyValueHeadCount)
        let start = cache.row(sequence: sequences[row], token: 0)
        let end = start + lengths[row]
        let columns = keyHead * shape.groupSize * shape.headDimension
        hone_attention_decode(
            q.base + row * q.stride + columns, shape.groupSize, shape.headDimension,
            cache.keys.base + keyHead * shape.headDimension, cache.keys.stride,
            cache.values.base + keyHead * shape.headDimension, cache.values.stride,
            max(start, end - (shape.window ?? lengths[row])), end, shape.scale,
            scratch.scores.rows(thread..<thread + 1).base, out.base + row * out.stride + columns)
    }
}
