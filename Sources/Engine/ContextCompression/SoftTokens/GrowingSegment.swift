internal import Compute
internal import Transformer

/// The last segment of a text that grows: keys and values of encoder and alignment layers, and the encoder's states of
/// the tokens that do not fill a group yet.
struct GrowingSegment {
    private let compressor: Compressor
    private let origin: CompressedContext.Origin
    private let context: Context
    private let pieceLength: Int
    private var encoder: CachedSequence
    private var alignment: CachedSequence
    /// States of the open group, then those of the newest piece.
    private let states: Matrix
    private let inverseRMS: Matrix
    private let softTokens: Matrix
    private let linear: LinearGroup.Activations?
    /// Rows of `states` that belong to the open group.
    private var openCount = 0

    /// Tokens that go through the encoder together.
    private static let pieceLength = 128

    /// Takes its memory from the context's arena.
    init(_ compressor: Compressor, _ origin: CompressedContext.Origin, _ context: Context) {
        let (arena, width, piece) = (context.arena, compressor.encoder.hiddenSize, Self.pieceLength)
        self.compressor = compressor
        self.origin = origin
        self.context = context
        pieceLength = piece
        let openLimit = min(origin.groupSize, origin.segmentLength)
        encoder = CachedSequence(
            compressor.encoder, capacity: origin.segmentLength, pieceLength: piece, context)
        // Beyond the finished groups there is room for the open one.
        alignment = CachedSequence(
            compressor.alignment, capacity: origin.segmentLength / origin.groupSize + 1, pieceLength: piece, context)
        states = arena.matrix(openLimit + piece, width)
        inverseRMS = arena.matrix(piece, 1)
        softTokens = arena.matrix(piece, width)
        linear = compressor.linear?.activations(piece, in: arena)
    }

    /// Appends tokens; full segments are closed on the way.
    ///
    /// - Parameter rows: soft tokens without that of the open group; gets those of all groups, the open one last.
    mutating func append(_ ids: [Int32], to rows: inout [Real]) {
        var rest = ids[...]
        while !rest.isEmpty {
            if encoder.length == origin.segmentLength { close(&rows) }
            let count = min(pieceLength, rest.count, origin.segmentLength - encoder.length)
            encode(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
            finishGroups(count, &rows)
        }
        appendOpenGroup(&rows)
    }

    /// Encoder states of the next tokens, behind those of the open group.
    private mutating func encode(_ ids: [Int32]) {
        compressor.embedding.forward(ids, into: encoder.input(ids.count), context)
        let encoded = encoder.append(ids.count, Pass(), context)
        let target = states.rows(openCount..<openCount + ids.count)
        if let norm = compressor.encoderNorm {
            norm.forward(encoded, into: target, inverseRMS: inverseRMS.rows(0..<ids.count), context)
        } else {
            target.copy(from: encoded)
        }
    }

    /// Soft tokens of the groups that `count` new states fill; what is left over opens the next one.
    private mutating func finishGroups(_ count: Int, _ rows: inout [Real]) {
        let (size, available) = (origin.groupSize, openCount + count)
        let finished = available / size
        align((0..<finished).map { GroupLayout.Group(rows: $0 * size..<($0 + 1) * size, divisor: size) }, &rows)
        openCount = available - finished * size
        guard finished > 0 else { return }
        for row in 0..<openCount {
            states.rows(row..<row + 1).copy(from: states.rows(finished * size + row..<finished * size + row + 1))
        }
    }

    /// The soft token of a group that is not full. The alignment layers forget it: the group may still grow.
    private mutating func appendOpenGroup(_ rows: inout [Real]) {
        guard openCount > 0, origin.remainder != .drop else { return }
        let finished = alignment.length
        let divisor = origin.remainder == .pad ? origin.groupSize : openCount
        align([GroupLayout.Group(rows: 0..<openCount, divisor: divisor)], &rows)
        alignment.rewind(to: finished)
    }

    /// Ends the segment: its last group stays as it is, and the next token starts at position 0.
    private mutating func close(_ rows: inout [Real]) {
        appendOpenGroup(&rows)
        encoder.rewind(to: 0)
        alignment.rewind(to: 0)
        openCount = 0
    }

    private mutating func align(_ groups: [GroupLayout.Group], _ rows: inout [Real]) {
        for start in stride(from: 0, to: groups.count, by: pieceLength) {
            let piece = Array(groups[start..<min(start + pieceLength, groups.count)])
            GroupMerge.forward(states, piece, into: alignment.input(piece.count), context)
            let aligned = alignment.append(piece.count, Pass(), context)
            let target = softTokens.rows(0..<piece.count)
            compressor.finish(aligned, into: target, inverseRMS: inverseRMS.rows(0..<piece.count), linear, context)
            rows += target.elements
        }
    }
}

// MARK: - Saving and going on

extension GrowingSegment {
    /// What the file keeps.
    func saved() -> CompressedContext.State {
        CompressedContext.State(
            encoder: encoder.saved().map { CompressedContext.LayerState(keys: $0.keys, values: $0.values) },
            alignment: alignment.saved().map { CompressedContext.LayerState(keys: $0.keys, values: $0.values) },
            open: states.rows(0..<openCount).elements)
    }

    /// Goes on from a saved state; false when it is that of another shape.
    mutating func restore(
        _ state: CompressedContext.State, _ last: (tokens: Int, groups: Int, open: Int)
    ) -> Bool {
        guard Self.fits(state.encoder, encoder, last.tokens), Self.fits(state.alignment, alignment, last.groups),
            state.open.count == last.open * states.columns
        else { return false }
        encoder.restore(length: last.tokens, state.encoder.map { ($0.keys, $0.values) })
        alignment.restore(length: last.groups, state.alignment.map { ($0.keys, $0.values) })
        states.copy(elements: state.open)
        openCount = last.open
        return true
    }

    private static func fits(
        _ layers: [CompressedContext.LayerState], _ sequence: CachedSequence, _ rows: Int
    ) -> Bool {
        layers.count == sequence.caches.count
            && zip(layers, sequence.caches).allSatisfy { layer, cache in
                layer.keys.count == rows * cache.keys.columns && layer.values.count == rows * cache.values.columns
            }
    }
}
