/// Turns the ids of a running generation into text as they come.
///
/// Text is held back while it ends in the middle of a character. The pieces together are the text that `decode` gives
/// for all ids, unless a run of byte tokens turns out not to be UTF-8 after part of it was handed out.
package struct StreamingDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    /// Ids whose text was handed out last; decoders treat the first token of a text differently.
    private var context: [Int32] = []
    private var pending: [Int32] = []

    /// An incomplete character becomes complete within this many tokens, or never.
    private static let maximumPendingCount = 8

    /// A decoder at the beginning of a text.
    package init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        skipsSpecialTokens = skipSpecialTokens
    }

    /// Takes the next id; returns the text that is complete now, often none.
    package mutating func append(_ id: Int32) -> String {
        pending.append(id)
        let text = pendingText()
        let isIncomplete = text.unicodeScalars.last == "\u{FFFD}" && pending.count < Self.maximumPendingCount
        return isIncomplete || text.isEmpty ? "" : handOut(text)
    }

    /// The text that was held back.
    package mutating func finish() -> String {
        let text = pendingText()
        context = []
        pending = []
        return text
    }

    private func pendingText() -> String {
        let before = tokenizer.decode(context, skipSpecialTokens: skipsSpecialTokens)
        let all = tokenizer.decode(context + pending, skipSpecialTokens: skipsSpecialTokens)
        return String(decoding: all.utf8.dropFirst(before.utf8.count), as: UTF8.self)
    }

    private mutating func handOut(_ text: String) -> String {
        context = pending
        pending = []
        return text
    }
}
