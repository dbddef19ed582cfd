/// The texts of a row, ready to be tokenized.
enum RenderedRow: Equatable {
    /// Plain text. The prompt is what the responses continue; nil where it has to be found as their common beginning,
    /// or there is none.
    case plain(prompt: String?, responses: [String])
    /// What a chat template wrote, special tokens included: the prompt up to where the assistant begins to write, and
    /// for each response the whole conversation with it.
    case templated(prompt: String, wholes: [String])

    /// The row with one of its responses only.
    func side(_ index: Int) -> RenderedRow {
        switch self {
        case .plain(nil, _): self
        case .plain(let prompt, let responses): .plain(prompt: prompt, responses: [responses[index]])
        case .templated(let prompt, let wholes): .templated(prompt: prompt, wholes: [wholes[index]])
        }
    }

    /// The index that a response has in `side` of itself.
    func indexInSide(_ index: Int) -> Int { if case .plain(nil, _) = self { index } else { 0 } }
}

/// A conversation as one text, and the bytes of it that the assistant wrote.
struct RenderedConversation: Equatable {
    let text: String
    /// Ranges of UTF-8 bytes in order, with what ends each turn.
    let assistant: [Range<Int>]
}
