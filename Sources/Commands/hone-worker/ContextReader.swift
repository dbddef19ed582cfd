import Compute
import ContextCompression
import Tokenization
import Transformer

/// A decoder that has read some contexts, once, and answers any number of questions about them.
struct ContextReader {
    /// What is asked.
    enum Request {
        case question(String)
        /// The text itself.
        case restatement
    }

    /// An answer, as `hone ask --json` prints it.
    struct Answer: Encodable {
        let question: String
        let text: String
        let ids: [Int32]
        /// Positions that the contexts take, and what reading them took: once for all questions.
        let contextPositions: Int
        let contextSeconds: Double
        let questionTokens: Int
        let seconds: Double
    }

    private let opened: OpenCompressor
    private let maximumNewTokens: Int
    private let sampling: SamplingSettings
    private let stopTokens: Set<Int32>
    private let contextSeconds: Double
    /// Holds the session's memory.
    private let arena: Arena
    private var session: PromptSession
    private let beginning: PromptSession.Mark

    /// Tokens of a question that there is room for when questions are not known yet.
    private static let questionRoom = 4096

    /// Reads soft tokens, then plain texts.
    init(
        _ opened: OpenCompressor, _ contexts: [CompressedContext], _ texts: [[Int32]], maximumNewTokens: Int,
        sampling: SamplingSettings
    ) throws {
        self.opened = opened
        self.maximumNewTokens = maximumNewTokens
        self.sampling = sampling
        let decoder = try opened.decoder()
        stopTokens = opened.tokenizer.stopTokens(of: decoder)
        let length = contexts.reduce(0) { $0 + $1.count } + texts.reduce(0) { $0 + $1.count }
        guard length < decoder.contextLength else {
            throw Refusal(
                "the contexts take \(length) positions, the model has \(decoder.contextLength) and needs room to answer; "
                    + "compress at a higher rate, or ask about fewer")
        }
        let capacity = min(decoder.contextLength, length + Self.questionRoom + maximumNewTokens)
        arena = try Arena(byteCount: PromptSession.byteCount(decoder, capacity: capacity, team: opened.team))
        session = PromptSession(decoder, capacity: capacity, Context(arena: arena, team: opened.team, gradients: []))
        let start = ContinuousClock.now
        for context in contexts { try session.read(softTokens: context) }
        for text in texts { try session.read(text) }
        contextSeconds = (ContinuousClock.now - start) / .seconds(1)
        beginning = session.mark()
    }

    /// Positions that the contexts take.
    var prefixLength: Int { beginning.length }

    /// Answers one question behind the contexts alone.
    ///
    /// - Parameter onText: called with pieces of the answer as they are written.
    mutating func answer(_ request: Request, onText: (String) -> Void) throws -> Answer {
        session.rewind(to: beginning)
        let start = ContinuousClock.now
        let question = try read(request)
        var text = ""
        var decoder = StreamingDecoder(opened.tokenizer, skipSpecialTokens: true)
        func emit(_ piece: String) {
            text += piece
            onText(piece)
        }
        let ids = try session.write(
            maximumNewTokens: maximumNewTokens, sampling: sampling, stopTokens: stopTokens
        ) { emit(decoder.append($0)) }
        emit(decoder.finish())
        return Answer(
            question: question.text, text: text, ids: ids, contextPositions: prefixLength,
            contextSeconds: contextSeconds, questionTokens: question.tokens,
            seconds: (ContinuousClock.now - start) / .seconds(1))
    }

    /// Reads what is asked, and says what it was.
    private mutating func read(_ request: Request) throws -> (text: String, tokens: Int) {
        let record = opened.record
        let prompt: String
        switch request {
        case .question(let text): prompt = record.questionTemplate.replacing("{prompt}", with: text)
        case .restatement:
            if let learned = opened.compressor.compressor.weights.prompt {
                try session.read(embeddings: learned.value)
                return ("", 1)
            }
            prompt = record.restatement
        }
        let ids = opened.tokens(of: prompt)
        guard prefixLength + ids.count < session.capacity else {
            throw Refusal(
                "a question of \(ids.count) tokens behind \(prefixLength) positions of context: the model has room for "
                    + "\(session.capacity) and needs some to answer")
        }
        try session.read(ids)
        return (prompt, ids.count)
    }
}

extension PromptSession {
    /// Reads the soft tokens of a context.
    fileprivate mutating func read(softTokens context: CompressedContext) throws {
        guard context.width == model.configuration.hiddenSize else {
            throw Refusal(
                "soft tokens of \(context.width) channels, the model has \(model.configuration.hiddenSize)")
        }
        var rows = context.softTokens
        try rows.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            try read(embeddings: Matrix(base: base, rows: context.count, columns: context.width))
        }
    }
}
