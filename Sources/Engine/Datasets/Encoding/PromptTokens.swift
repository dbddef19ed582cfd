/// A prompt and the responses that continue it, in tokens.
struct PromptTokens: Equatable {
    var prompt: [Int32]
    var responses: [[Int32]]
    /// Tokens at the end of the prompt, tokenized alone, that are not there once a response follows.
    var lostPromptTokens = 0
    /// What had to be cut to make it fit.
    var cuts = Cuts()

    /// What truncation did to one row.
    struct Cuts: Equatable {
        var prompt = false
        var responses = false
        /// Responses that ended with an end token before they were cut.
        var lostEnds = 0
    }

    /// Tokens that are given.
    init(prompt: [Int32], responses: [[Int32]], _ codec: TextCodec) throws(RowProblem) {
        self.prompt = prompt.isEmpty ? [try codec.startToken()] : prompt
        self.responses = responses
    }

    /// Tokenizes rendered texts. Plain ones get the beginning token once and an end token behind each response that has
    /// none. What a chat template wrote is tokenized whole, without special tokens, and the prompt ends where the
    /// tokens of prompt and whole conversations part, as in TRL.
    init(_ rendered: RenderedRow, _ codec: TextCodec, _ settings: EncodingSettings) throws(RowProblem) {
        switch rendered {
        case .plain(let text?, let texts) where settings.joining == .separate:
            try self.init(
                prompt: codec.opening(text, addSpecialTokens: true), responses: texts.map(codec.continuation), codec)
        case .plain(let text, let texts):
            try self.init(
                text.map { codec.opening($0, addSpecialTokens: true) },
                wholes: texts.map { codec.opening((text ?? "") + $0, addSpecialTokens: true) }, codec)
        case .templated(let text, let wholes):
            try self.init(
                codec.opening(text, addSpecialTokens: false),
                wholes: wholes.map { codec.opening($0, addSpecialTokens: false) }, codec)
        }
        if case .plain = rendered, settings.appendsEnd { responses = responses.map(codec.closing) }
    }

    private init(_ opened: [Int32]?, wholes: [[Int32]], _ codec: TextCodec) throws(RowProblem) {
        let shared = Self.sharedCount(opened, wholes)
        try self.init(
            prompt: Array(wholes[0].prefix(shared)), responses: wholes.map { Array($0.dropFirst(shared)) }, codec)
        lostPromptTokens = (opened?.count ?? shared) - shared
    }

    /// Number of tokens that the prompt and all whole sequences begin with; one token is left to each response.
    private static func sharedCount(_ prompt: [Int32]?, _ wholes: [[Int32]]) -> Int {
        let first = prompt ?? wholes[0]
        return wholes.reduce(first.count) { count, whole in
            min(count, zip(first, whole).prefix { $0 == $1 }.count, max(whole.count - 1, 0))
        }
    }

    /// Cuts a row to the maximum length: first the prompt, to its own maximum, then each response from the right to
    /// what the prompt leaves. False if the prompt leaves nothing.
    mutating func fit(_ settings: EncodingSettings, _ codec: TextCodec) throws(RowProblem) -> Bool {
        let longest = responses.map(\.count).max() ?? 0
        guard prompt.count + longest > settings.maximumLength else { return true }
        guard settings.truncation != .fail else {
            throw RowProblem(
                found: "a row of \(prompt.count + longest) tokens", expected: "at most \(settings.maximumLength)",
                advice: "raise max_length, or let long rows be cut with truncation: keep_start")
        }
        if let limit = settings.maximumPromptLength, prompt.count > limit {
            cutPrompt(to: limit, settings.truncation, codec)
        }
        let budget = settings.maximumLength - prompt.count
        guard budget > 0 else { return false }
        for index in responses.indices where responses[index].count > budget {
            if responses[index].last == codec.endOfSequence { cuts.lostEnds += 1 }
            responses[index].removeLast(responses[index].count - budget)
            cuts.responses = true
        }
        return true
    }

    private mutating func cutPrompt(to limit: Int, _ truncation: EncodingSettings.Truncation, _ codec: TextCodec) {
        cuts.prompt = true
        switch truncation {
        case .keepStart, .fail:
            prompt.removeLast(prompt.count - limit)
        case .keepEnd:
            let opening = prompt.first == codec.beginningOfSequence ? 1 : 0
            prompt.removeSubrange(opening..<(opening + prompt.count - limit))
        }
    }
}
