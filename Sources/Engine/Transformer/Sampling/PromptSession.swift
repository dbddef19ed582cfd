package import Compute

/// A model that reads a prompt piece by piece, tokens or embeddings, and continues it. It goes back to a mark to answer
/// another question about the same beginning, whose keys and values it keeps.
package struct PromptSession {
    /// The model that reads and writes.
    package let model: LanguageModel

    private let pieceLength: Int
    private let context: Context
    private let newest, hidden, inverseRMS, logits: Matrix
    private var sequence: CachedSequence

    /// Takes its memory from the context's arena; `byteCount` tells how much.
    ///
    /// - Parameters:
    ///   - capacity: rows that it may hold, those it writes included; at most the model's context.
    ///   - pieceLength: rows that are computed together.
    package init(_ model: LanguageModel, capacity: Int, pieceLength: Int = 128, _ context: Context) {
        let (arena, width) = (context.arena, model.configuration.hiddenSize)
        self.model = model
        self.pieceLength = pieceLength
        self.context = context
        sequence = CachedSequence(
            model.stack, capacity: min(capacity, model.contextLength), pieceLength: pieceLength, context)
        newest = arena.matrix(1, width)
        hidden = arena.matrix(1, width)
        inverseRMS = arena.matrix(1, 1)
        logits = arena.matrix(1, model.configuration.vocabularySize)
    }

    /// Bytes of arena that a session takes.
    package static func byteCount(
        _ model: LanguageModel, capacity: Int, pieceLength: Int = 128, team: ThreadTeam
    ) -> Int {
        let arena = Arena.measuring()
        _ = PromptSession(
            model, capacity: capacity, pieceLength: pieceLength, Context(arena: arena, team: team, gradients: []))
        return arena.highWaterMark
    }

    /// Rows read and written so far.
    package var length: Int { sequence.length }

    /// Rows that it may hold.
    package var capacity: Int { sequence.capacity }

    /// Reads tokens. Throws for one that the vocabulary has not, and for more rows than fit.
    package mutating func read(_ ids: [Int32]) throws(ModelError) {
        try model.check(ids)
        let (embedding, context) = (model.embedding, context)
        try read(rows: ids.count) { range, input in
            embedding.forward(Array(ids[range]), into: input, context)
        }
    }

    /// Reads embeddings: rows × hidden. Throws for more rows than fit.
    package mutating func read(embeddings: Matrix) throws(ModelError) {
        try read(rows: embeddings.rows) { range, input in input.copy(from: embeddings.rows(range)) }
    }

    private mutating func read(rows: Int, _ fill: (Range<Int>, Matrix) -> Void) throws(ModelError) {
        guard length + rows <= capacity else {
            throw .positionOutOfRange(position: length + rows - 1, limit: capacity)
        }
        for start in stride(from: 0, to: rows, by: pieceLength) {
            let range = start..<min(start + pieceLength, rows)
            fill(range, sequence.input(range.count))
            let output = sequence.append(range.count, Pass(), context)
            newest.copy(from: output.rows(range.count - 1..<range.count))
        }
    }

    /// Writes until a stop token, which is kept as the last, or until the limit or the capacity is reached.
    ///
    /// The newest token has been written but not read, so what is read next would miss it: go back to a mark first.
    /// - Parameters:
    ///   - name: of the sequence for the random numbers.
    ///   - onToken: called with every token as soon as it is chosen.
    /// - Throws: `ModelError.emptyPrompt` before anything was read.
    package mutating func write(
        maximumNewTokens: Int, sampling: SamplingSettings = .greedy, stopTokens: Set<Int32> = [], name: Int = 0,
        onToken: (Int32) -> Void = { _ in }
    ) throws(ModelError) -> [Int32] {
        guard length > 0 else { throw .emptyPrompt }
        let sampler = TokenSampler(sampling)
        let start = length
        var written: [Int32] = []
        while written.count < maximumNewTokens, start + written.count < capacity {
            if let last = written.last {
                if stopTokens.contains(last) { break }
                try read([last])
            }
            model.norm.forward(newest, into: hidden, inverseRMS: inverseRMS, context)
            model.head.logits(hidden, into: logits, context)
            let token = sampler.choose(logits, after: written, sequence: name, position: start + written.count)
            written.append(token)
            onToken(token)
        }
        return written
    }

    /// A place to go back to.
    package struct Mark: Sendable {
        /// Rows before it.
        package let length: Int
        fileprivate let newest: [Real]
    }

    /// The present place.
    package func mark() -> Mark {
        Mark(length: length, newest: newest.elements)
    }

    /// Forgets everything after the mark.
    package mutating func rewind(to mark: Mark) {
        sequence.rewind(to: mark.length)
        newest.copy(elements: mark.newest)
    }
}
