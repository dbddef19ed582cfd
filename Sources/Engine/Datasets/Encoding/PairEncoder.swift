/// A preference row in tokens.
package struct EncodedPair: Sendable, Equatable {
    /// The shared prompt; never empty, because its last token predicts the first of each response.
    package let prompt: [Int32]
    /// The preferred response, end token included.
    package let chosen: [Int32]
    /// The dispreferred response, end token included.
    package let rejected: [Int32]

    /// A pair.
    package init(prompt: [Int32], chosen: [Int32], rejected: [Int32]) {
        self.prompt = prompt
        self.chosen = chosen
        self.rejected = rejected
    }

    /// Rows that the pair takes with a shared prompt.
    package var sharedLength: Int { prompt.count + chosen.count + rejected.count }

    /// The example as people can check it: which tokens carry loss, special tokens written out.
    package func description(_ codec: TextCodec) -> String {
        """
        prompt, \(prompt.count) tokens, no loss:
        \(codec.decode(prompt))
        chosen, \(chosen.count) tokens, loss on all:
        \(codec.decode(chosen))
        rejected, \(rejected.count) tokens, loss on all:
        \(codec.decode(rejected))
        """
    }
}

/// Why a row is left out of training.
package enum DropReason: String, Sendable, CaseIterable {
    /// Its prompt alone fills the maximum length.
    case promptFillsLength = "the prompt fills max_length"
    /// A response is empty.
    case emptyResponse = "an empty response"
    /// Its text is too short to predict a token.
    case nothingToPredict = "nothing to predict"
}

/// Preference rows to tokens, one rule for all: see `PromptTokens.fit` for what is cut.
package struct PairEncoder: Sendable {
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

    /// A row in tokens, or why it is left out; `notes` counts what happened to it.
    func encode(_ row: PreferenceRow, _ notes: inout EncodingReport) throws(RowProblem) -> EncodedPair? {
        var tokens = try PromptTokens(try renderer.render(row), codec, settings)
        for (index, field) in ["chosen", "rejected"].enumerated()
        where codec.contentCount(tokens.responses[index]) == 0 || [row.chosen, row.rejected][index].isSilent {
            guard settings.emptyResponses == .drop else {
                throw RowProblem(
                    field: field, found: "an empty response", expected: "at least one token",
                    advice: "repair the row, or leave such rows out with on_empty: drop")
            }
            notes.drop(.emptyResponse)
            return nil
        }
        guard try tokens.fit(settings, codec) else {
            notes.drop(.promptFillsLength)
            return nil
        }
        let pair = EncodedPair(prompt: tokens.prompt, chosen: tokens.responses[0], rejected: tokens.responses[1])
        notes.keep(
            tokens, promptLength: pair.prompt.count,
            responseLengths: [pair.chosen.count, pair.rejected.count])
        if pair.chosen == pair.rejected { notes.identicalResponses += 1 }
        return pair
    }

    /// Whether tokenizing prompt and a response together would put a token across their boundary.
    func mergesAcrossBoundary(_ row: PreferenceRow) throws(RowProblem) -> Bool {
        guard case .plain(let prompt?, let responses) = try renderer.render(row) else { return false }
        return responses.contains { response in
            let alone = codec.encode(prompt, false) + codec.continuation(response)
            return codec.encode(prompt + response, false) != alone
        }
    }
}
