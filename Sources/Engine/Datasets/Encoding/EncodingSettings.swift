/// How rows become tokens.
package struct EncodingSettings: Sendable, Equatable {
    /// Which end of a prompt that is too long is kept.
    package enum Truncation: String, Sendable, CaseIterable {
        /// Its beginning.
        case keepStart = "keep_start"
        /// Its end; a token that begins the sequence stays in front.
        case keepEnd = "keep_end"
        /// Neither: a row that does not fit is an error that names it.
        case fail
    }

    /// Whether responses are tokenized alone or together with their prompt.
    package enum Joining: String, Sendable, CaseIterable {
        /// Alone: tokens never span the boundary, so token weights stay exact.
        case separate
        /// Together, as TRL does; the prompt then ends where all tokenizations part.
        case joint
    }

    /// What happens to rows with an empty response.
    package enum EmptyResponses: String, Sendable, CaseIterable {
        /// They are an error that names the row.
        case error
        /// They are left out and counted.
        case drop
    }

    /// Largest number of tokens of a prompt with one of its responses.
    package var maximumLength: Int
    /// To how many tokens a prompt is cut when it does not fit together with its responses; nil leaves it alone.
    package var maximumPromptLength: Int?
    /// Which end of a cut prompt is kept.
    package var truncation: Truncation
    /// Whether responses are tokenized alone.
    package var joining: Joining
    /// What happens to rows with an empty response.
    package var emptyResponses: EmptyResponses

    /// Whether responses of plain text get an end token; off when existing text is scored as it is.
    package var appendsEnd: Bool

    /// The usual settings.
    package init(
        maximumLength: Int = 1024, maximumPromptLength: Int? = nil, truncation: Truncation = .keepStart,
        joining: Joining = .separate, emptyResponses: EmptyResponses = .error, appendsEnd: Bool = true
    ) {
        self.maximumLength = maximumLength
        self.maximumPromptLength = maximumPromptLength
        self.truncation = truncation
        self.joining = joining
        self.emptyResponses = emptyResponses
        self.appendsEnd = appendsEnd
    }

    /// All settings in one line, as part of the key of what is computed from encoded rows.
    package var fingerprint: String {
        let prompt = maximumPromptLength.map(String.init) ?? "none"
        return "max_length=\(maximumLength) max_prompt_length=\(prompt) truncation=\(truncation.rawValue) "
            + "tokenize=\(joining.rawValue) on_empty=\(emptyResponses.rawValue) end=\(appendsEnd)"
    }
}
