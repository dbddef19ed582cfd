/// One sequence for language-model training.
package struct EncodedSequence: Sendable, Equatable {
    /// All tokens.
    package let ids: [Int32]
    /// Index of the first token that is trained, at least 1; all tokens from there on are.
    package let lossStart: Int

    /// A sequence.
    package init(ids: [Int32], lossStart: Int) {
        precondition(lossStart >= 1 && lossStart < ids.count, "a sequence trains at least one token it can predict")
        self.ids = ids
        self.lossStart = lossStart
    }

    /// Number of tokens that are trained.
    package var targetCount: Int { ids.count - lossStart }

    /// The example as people can check it: which tokens carry loss, special tokens written out.
    package func description(_ codec: TextCodec) -> String {
        """
        context, \(lossStart) tokens, no loss:
        \(codec.decode(Array(ids.prefix(lossStart))))
        trained, \(targetCount) tokens:
        \(codec.decode(Array(ids.dropFirst(lossStart))))
        """
    }
}

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

    /// A completion row in tokens, or nil if it is left out; texts give their first `maximumLength` tokens.
    func encode(_ row: CompletionRow, _ notes: inout EncodingReport) throws(RowProblem) -> EncodedSequence? {
        let rendered = try renderer.render(row)
        guard rendered.prompt != nil else { return encodeWhole(rendered.responses[0], &notes) }
        var tokens = try PromptTokens(rendered, codec, settings)
        guard codec.contentCount(tokens.responses[0]) > 0 else {
            guard settings.emptyResponses == .drop else {
                throw RowProblem(
                    field: "completion", found: "an empty completion", expected: "at least one token",
                    advice: "repair the row, or leave such rows out with on_empty: drop")
            }
            notes.drop(.emptyResponse)
            return nil
        }
        guard tokens.fit(settings, codec) else {
            notes.drop(.promptFillsLength)
            return nil
        }
        notes.keep(
            cuts: tokens.cuts, promptLength: tokens.prompt.count, responseLengths: [tokens.responses[0].count])
        return EncodedSequence(ids: tokens.prompt + tokens.responses[0], lossStart: tokens.prompt.count)
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

    private func side(_ index: Int, of rendered: RenderedPrompt, _ field: String) throws(RowProblem) -> EncodedSequence
    {
        var index = index
        var rendered = rendered
        if rendered.prompt != nil {
            rendered = RenderedPrompt(
                prompt: rendered.prompt, responses: [rendered.responses[index]], isTemplated: rendered.isTemplated)
            index = 0
        }
        var tokens = try PromptTokens(rendered, codec, settings)
        guard !tokens.responses[index].isEmpty else {
            throw RowProblem(field: field, found: "an empty response", expected: "at least one token to score")
        }
        guard tokens.fit(settings, codec) else {
            throw RowProblem(
                found: "a prompt of \(tokens.prompt.count) tokens",
                expected: "fewer than the maximum length of \(settings.maximumLength)")
        }
        return EncodedSequence(ids: tokens.prompt + tokens.responses[index], lossStart: tokens.prompt.count)
    }

    /// A whole document in pieces of at most `maximumLength` tokens. A piece begins with the last token of the one
    /// before it, so that every token but the first is predicted once.
    func pieces(_ text: String) -> [EncodedSequence] {
        let ids = codec.closing(codec.opening(text, addSpecialTokens: true))
        let step = settings.maximumLength - 1
        return stride(from: 0, to: max(ids.count - 1, 0), by: max(step, 1)).map { start in
            EncodedSequence(ids: Array(ids[start..<min(start + step + 1, ids.count)]), lossStart: 1)
        }
    }

    private func encodeWhole(_ text: String, _ notes: inout EncodingReport) -> EncodedSequence? {
        let pieces = pieces(text)
        guard let first = pieces.first else {
            notes.drop(.nothingToPredict)
            return nil
        }
        let isCut = pieces.count > 1
        notes.keep(
            cuts: PromptTokens.Cuts(responses: isCut, lostEnds: isCut && codec.endOfSequence != nil ? 1 : 0),
            promptLength: 0, responseLengths: [first.ids.count])
        return first
    }
}
