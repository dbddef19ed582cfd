/// Rows for supervised and language-model training to tokens.
package struct SequenceEncoder: Sendable {
    /// The tokenizer.
    package let codec: TextCodec
    /// Messages to text.
    package let renderer: PromptRenderer
    /// Lengths and choices.
    package let settings: EncodingSettings

    /// An encoder.
    package init(codec: TextCodec, renderer: PromptRenderer = PromptRenderer(), settings: EncodingSettings) {
        self.codec = codec
        self.renderer = renderer
        self.settings = settings
    }

    /// What decides about tokens, as part of the key of what is computed from them.
    package var fingerprint: String { "\(settings.fingerprint) \(renderer.fingerprint)" }

    /// A completion row in tokens, or nil if it is left out; texts give their first `maximumLength` tokens.
    func encode(_ row: CompletionRow, _ notes: inout EncodingReport) throws(RowProblem) -> EncodedSequence? {
        switch row {
        case .text(let text): return encodeWhole(text, &notes)
        case .messages(let messages): return try encode(conversation: messages, &notes)
        case .completion(let prompt, let completion):
            let tokens = try PromptTokens(
                try renderer.render(prompt: prompt, completion: completion), codec, settings)
            guard codec.contentCount(tokens.responses[0]) > 0, !completion.isSilent else {
                return try leaveOutEmpty("completion", &notes)
            }
            return try fitted(tokens, trained: [0..<tokens.responses[0].count], &notes)
        }
    }

    /// A conversation, trained where the assistant speaks. A token counts as the assistant's if any byte of it is.
    private func encode(
        conversation messages: [ChatMessage], _ notes: inout EncodingReport
    ) throws(RowProblem) -> EncodedSequence? {
        let rendered = try renderer.render(conversation: messages)
        let (ids, ranges) = codec.encodeWithRanges(rendered.text)
        let spans = Self.tokens(of: rendered.assistant, in: ranges)
        let isSilent = RowContent.messages(messages.filter(\.isAssistant)).isSilent
        guard let first = spans.first?.lowerBound, !isSilent else { return try leaveOutEmpty("messages", &notes) }
        let tokens = try PromptTokens(
            prompt: Array(ids[..<first]), responses: [Array(ids[first...])], codec)
        return try fitted(tokens, trained: spans.map { $0.lowerBound - first..<$0.upperBound - first }, &notes)
    }

    /// The tokens that ranges of bytes touch, in order; two ranges that touch one token become one.
    private static func tokens(of parts: [Range<Int>], in ranges: [Range<Int>]) -> [Range<Int>] {
        var spans: [Range<Int>] = []
        for span in parts.compactMap({ tokens(of: $0, in: ranges) }) {
            if let last = spans.last, span.lowerBound < last.upperBound {
                spans[spans.count - 1] = last.lowerBound..<max(last.upperBound, span.upperBound)
            } else {
                spans.append(span)
            }
        }
        return spans
    }

    /// The tokens that a range of bytes touches; nil if there are none.
    private static func tokens(of bytes: Range<Int>, in ranges: [Range<Int>]) -> Range<Int>? {
        guard !bytes.isEmpty, let first = ranges.firstIndex(where: { $0.upperBound > bytes.lowerBound }),
            let last = ranges.lastIndex(where: { $0.lowerBound < bytes.upperBound }), first <= last
        else { return nil }
        return first..<last + 1
    }

    private func leaveOutEmpty(_ field: String, _ notes: inout EncodingReport) throws(RowProblem) -> EncodedSequence? {
        guard settings.emptyResponses == .drop else {
            throw RowProblem(
                field: field, found: "an empty completion", expected: "at least one token",
                advice: "repair the row, or leave such rows out with on_empty: drop")
        }
        notes.drop(.emptyResponse)
        return nil
    }

    /// A prompt and its one response, cut to the maximum length.
    /// - Parameter trained: the ranges of the response that are trained, the first from 0.
    private func fitted(
        _ tokens: PromptTokens, trained: [Range<Int>], _ notes: inout EncodingReport
    ) throws(RowProblem) -> EncodedSequence? {
        var tokens = tokens
        guard try tokens.fit(settings, codec) else {
            notes.drop(.promptFillsLength)
            return nil
        }
        let (start, count) = (tokens.prompt.count, tokens.responses[0].count)
        notes.keep(tokens, promptLength: start, responseLengths: [count])
        let parts = trained.map { $0.clamped(to: 0..<count) }.filter { !$0.isEmpty }
        return EncodedSequence(
            ids: tokens.prompt + tokens.responses[0],
            trained: parts.map { start + $0.lowerBound..<start + $0.upperBound })
    }

    /// Both sides of a preference row as sequences of their own, as they are scored: with joint tokenization the prompt
    /// of each side ends where that side's tokens part from the prompt's.
    /// - Throws: `DatasetError` for a row without content to score, or whose prompt fills the maximum length.
    package func sides(
        ofRow row: Int, in dataset: Dataset
    ) throws -> (chosen: EncodedSequence, rejected: EncodedSequence) {
        let preference = try dataset.preference(row)
        return try dataset.locatingProblems(row) { () throws(RowProblem) in
            let rendered = try renderer.render(preference)
            return (try side(0, of: rendered, "chosen"), try side(1, of: rendered, "rejected"))
        }
    }

    private func side(_ index: Int, of rendered: RenderedRow, _ field: String) throws(RowProblem) -> EncodedSequence {
        var tokens = try PromptTokens(rendered.side(index), codec, settings)
        let index = rendered.indexInSide(index)
        guard !tokens.responses[index].isEmpty else {
            throw RowProblem(field: field, found: "an empty response", expected: "at least one token to score")
        }
        guard try tokens.fit(settings, codec) else {
            throw RowProblem(
                found: "a prompt of \(tokens.prompt.count) tokens",
                expected: "fewer than the maximum length of \(settings.maximumLength)")
        }
        return EncodedSequence(ids: tokens.prompt + tokens.responses[index], lossStart: tokens.prompt.count)
    }

    /// The tokens of a whole document.
    func document(_ text: String) -> [Int32] { codec.closing(codec.opening(text, addSpecialTokens: true)) }

    /// The pieces of a document of so many tokens, each of at most `maximumLength`. A piece begins with the last token
    /// of the one before it, so that every token but the first is predicted once.
    func pieces(of count: Int) -> [Range<Int>] {
        let step = max(settings.maximumLength - 1, 1)
        return stride(from: 0, to: max(count - 1, 0), by: step).map { $0..<min($0 + step + 1, count) }
    }

    private func encodeWhole(_ text: String, _ notes: inout EncodingReport) -> EncodedSequence? {
        let ids = document(text)
        let pieces = pieces(of: ids.count)
        guard let first = pieces.first else {
            notes.drop(.nothingToPredict)
            return nil
        }
        let isCut = pieces.count > 1
        notes.keep(
            PromptTokens.Cuts(responses: isCut, lostEnds: isCut && codec.endOfSequence != nil ? 1 : 0),
            promptLength: 0, responseLengths: [first.count])
        return EncodedSequence(ids: Array(ids[first]), lossStart: 1)
    }
}
