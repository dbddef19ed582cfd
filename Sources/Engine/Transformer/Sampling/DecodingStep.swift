internal import Compute

// Generation runs the same layers as training: a packed pass over all prompts that also fills the caches, then one row
// per growing sequence, whose attention reads the caches.

extension DecoderStack {
    /// Caches of keys and values, one for each block.
    func caches(sequences: Int, capacity: Int, in arena: Arena) -> [KeyValueCache] {
        blocks.map { block in
            KeyValueCache(
                sequences: sequences, capacity: capacity,
                width: block.attention.shape.keyValueHeadCount * block.attention.shape.headDimension, in: arena)
        }
    }

    /// Memory of a pass over the newest token of up to `rows` sequences.
    func decodingActivations(rows: Int, capacity: Int, _ context: Context) -> DecodingActivations {
        let arena = context.arena
        let shape = blocks.first?.attention.shape
        return DecodingActivations(
            streams: arena.matrix(2 * rows, hiddenSize), rows: rows,
            block: blocks.first?.activations(rows, in: arena),
            scratch: blocks.first.map { block in
                let scores = AttentionScratch(
                    maximumKeyCount: 1, shape: block.attention.shape, in: arena, team: context.team)
                return block.scratch(rows, scores, backward: false, in: arena)
            },
            attention: shape.map {
                DecodeScratch(maximumKeyCount: capacity, shape: $0, in: arena, team: context.team)
            })
    }

    /// One new token for each sequence of `step`; its embeddings are in `a.input`. Returns the output rows.
    func decode(
        _ step: DecodingStep, _ caches: [KeyValueCache], _ a: DecodingActivations, _ pass: Pass, _ context: Context
    ) -> Matrix {
        guard let activations = a.block, let scratch = a.scratch, let attention = a.attention else { return a.input }
        let count = step.sequences.count
        for (index, block) in blocks.enumerated() {
            block.decode(
                a.stream(index, count), step, caches[index], into: a.stream(index + 1, count),
                block.viewing(activations.rows(count)), scratch, attention, pass, context)
        }
        return a.stream(blocks.count, count)
    }
}

/// The sequences that grow by one token.
struct DecodingStep {
    /// Their numbers in the caches.
    let sequences: [Int]
    /// Tokens of each, the new one included.
    let lengths: [Int]
    /// Position of each new token.
    let positions: [Int32]
}

/// Memory of decoding passes.
struct DecodingActivations {
    let streams: Matrix
    let rows: Int
    let block: DecoderBlock.Activations?
    let scratch: DecoderBlock.Scratch?
    let attention: DecodeScratch?

    func stream(_ index: Int, _ count: Int) -> Matrix {
        let start = index % 2 * rows
        return streams.rows(start..<start + count)
    }

    /// Where the embeddings of the new tokens go: one row for each sequence.
    var input: Matrix { stream(0, rows) }
}

extension DecoderBlock {
    fileprivate func decode(
        _ x: Matrix, _ step: DecodingStep, _ cache: KeyValueCache, into y: Matrix, _ a: Activations, _ s: Scratch,
        _ scores: DecodeScratch, _ pass: Pass, _ context: Context
    ) {
        attention.project(x, positions: step.positions, a.attention, s.attention, s.adapters, pass, context)
        for (row, sequence) in step.sequences.enumerated() {
            cache.store(
                keys: a.attention.key.row(row), values: a.attention.value.row(row), sequence: sequence,
                from: step.lengths[row] - 1)
        }
        attentionDecode(
            q: a.attention.query, cache: cache, sequences: step.sequences, lengths: step.lengths,
            shape: attention.shape, into: a.attention.mixed, scratch: scores, context)
        attention.finish(x, into: a.middle, a.attention, s.adapters, pass, context)
        feedForward.forward(a.middle, into: y, a.feedForward, s.feedForward, s.adapters, pass, context)
    }
}
