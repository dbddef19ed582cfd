/// A prompt and the responses that continue it, in tokens.
struct PromptTokens: Equatable {
    var prompt: [Int32]
    var responses: [[Int32]]
    /// What had to be cut to make it fit.
    var cuts = Cuts()

    /// What truncation did to one row.
    struct Cuts: Equatable {
        var prompt = false
        var responses = false
        /// Responses that ended with an end token before they were cut.
        var lostEnds = 0
    }

    /// Tokenizes rendered texts: the beginning token once, an end token behind each response
    /// that has none, unless a chat template wrote them.
    init(_ rendered: RenderedPrompt, _ codec: TextCodec, _ settings: EncodingSettings) throws(RowProblem) {
        let special = !rendered.isTemplated
        if let text = rendered.prompt, settings.joining == .separate {
            prompt = codec.opening(text, addSpecialTokens: special)
            responses = rendered.responses.map(codec.continuation)
        } else {
            let wholes = rendered.responses.map {
                codec.opening((rendered.prompt ?? "") + $0, addSpecialTokens: special)
            }
            let opened = rendered.prompt.map { codec.opening($0, addSpecialTokens: special) }
            let shared = Self.sharedCount(opened, wholes)
            prompt = Array(wholes[0].prefix(shared))
            responses = wholes.map { Array($0.dropFirst(shared)) }
        }
        if special && settings.appendsEnd { responses = responses.map(codec.closing) }
        if prompt.isEmpty { prompt = [try codec.startToken()] }
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
    mutating func fit(_ settings: EncodingSettings, _ codec: TextCodec) -> Bool {
        let longest = responses.map(\.count).max() ?? 0
        guard prompt.count + longest > settings.maximumLength else { return true }
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
        case .keepStart:
            prompt.removeLast(prompt.count - limit)
        case .keepEnd:
            let opening = prompt.first == codec.beginningOfSequence ? 1 : 0
            prompt.removeSubrange(opening..<(opening + prompt.count - limit))
        }
    }
}
