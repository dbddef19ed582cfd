package import Compute

/// One sequence that runs through a stack piece by piece. The keys and values of earlier rows stay, so that a beginning
/// is computed once, whatever follows it.
package struct CachedSequence {
    /// The layers.
    package let stack: DecoderStack
    /// Keys and values of each block; the first `length` rows of them have a meaning.
    package let caches: [KeyValueCache]
    /// Rows that it may hold.
    package let capacity: Int
    /// Rows that it holds.
    package private(set) var length = 0

    private let pieceLength: Int
    private let streams: Matrix
    private let block: DecoderBlock.Activations?
    private let scratch: DecoderBlock.Scratch?
    private let decoding: DecodeScratch?

    /// Takes its memory from the context's arena.
    ///
    /// - Parameters:
    ///   - capacity: rows that it may hold.
    ///   - pieceLength: most rows of one `append`.
    package init(_ stack: DecoderStack, capacity: Int, pieceLength: Int, _ context: Context) {
        let arena = context.arena
        self.stack = stack
        self.capacity = capacity
        self.pieceLength = pieceLength
        caches = stack.caches(sequences: 1, capacity: capacity, in: arena)
        streams = arena.matrix(2 * pieceLength, stack.hiddenSize)
        block = stack.blocks.first?.activations(pieceLength, in: arena)
        scratch = stack.blocks.first.map { block in
            let scores = AttentionScratch(
                maximumKeyCount: capacity, shape: block.attention.shape, in: arena, team: context.team)
            return block.scratch(pieceLength, scores, backward: false, in: arena)
        }
        decoding = (stack.blocks.first?.attention.shape).map {
            DecodeScratch(maximumKeyCount: capacity, shape: $0, in: arena, team: context.team)
        }
    }

    /// Where the next rows go before they are appended: `count` × hidden.
    package func input(_ count: Int) -> Matrix { stream(0, count) }

    /// Runs the rows in `input(count)`, at the positions after the present ones.
    ///
    /// - Returns: the stack's output for them, in memory that the next call uses again.
    package mutating func append(_ count: Int, _ pass: Pass, _ context: Context) -> Matrix {
        precondition(count <= pieceLength && length + count <= capacity, "no room for \(count) more rows")
        defer { length += count }
        guard count > 0, let block, let scratch, let decoding else { return stream(0, count) }
        let a = block.rows(count)
        for (index, layer) in stack.blocks.enumerated() {
            let (x, y) = (stream(index, count), stream(index + 1, count))
            attend(layer.attention, x, caches[index], a, scratch, decoding, pass, context)
            layer.feedForward.forward(
                a.middle, into: y, a.feedForward, scratch.feedForward, scratch.adapters, pass, context)
        }
        return stream(stack.blocks.count, count)
    }

    /// Forgets all rows after the first `length`.
    package mutating func rewind(to length: Int) {
        precondition(0...self.length ~= length, "cannot go forward to row \(length)")
        self.length = length
    }

    /// Takes over the keys and values of the first `length` rows that another sequence has computed.
    ///
    /// - Parameter keysAndValues: of every block, each `length` × the cache's width, rows end to end.
    package mutating func restore(length: Int, _ keysAndValues: [(keys: [Real], values: [Real])]) {
        precondition(keysAndValues.count == caches.count && length <= capacity, "the state of another stack")
        for (cache, state) in zip(caches, keysAndValues) {
            cache.keys.rows(0..<length).copy(elements: state.keys)
            cache.values.rows(0..<length).copy(elements: state.values)
        }
        self.length = length
    }

    /// What `restore` takes.
    package func saved() -> [(keys: [Real], values: [Real])] {
        caches.map { ($0.keys.rows(0..<length).elements, $0.values.rows(0..<length).elements) }
    }

    private func attend(
        _ layer: SelfAttention, _ x: Matrix, _ cache: KeyValueCache, _ a: DecoderBlock.Activations,
        _ s: DecoderBlock.Scratch, _ decoding: DecodeScratch, _ pass: Pass, _ context: Context
    ) {
        let (own, total) = (layer.viewing(a.attention), length + x.rows)
        layer.project(x, positions: (length..<total).map { Int32($0) }, own, s.attention, s.adapters, pass, context)
        cache.store(keys: own.key, values: own.value, sequence: 0, from: length)
        if x.rows == 1 {
            attentionDecode(
                q: own.query, cache: cache, sequences: [0], lengths: [total], shape: layer.shape, into: own.mixed,
                scratch: decoding, context)
        } else {
            attention(
                q: own.query, k: cache.keys, v: cache.values,
                spans: [cache.span(sequence: 0, length: total, queries: 0..<x.rows)], shape: layer.shape,
                into: own.mixed, logSumExp: own.logSumExp, scratch: s.scores, context)
        }
        layer.finish(x, into: a.middle, own, s.adapters, pass, context)
    }

    private func stream(_ index: Int, _ count: Int) -> Matrix {
        let start = index % 2 * pieceLength
        return streams.rows(start..<start + count)
    }
}
