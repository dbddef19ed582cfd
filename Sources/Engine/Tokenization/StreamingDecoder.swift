/// Turns the ids of a running generation into text as they come.
///
/// The end of the text is held back while it may be the beginning of a character. The pieces together are the text that
/// `decode` gives for all ids, unless a run of byte tokens turns out not to be UTF-8 after part of it was handed out.
package struct StreamingDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    /// Ids whose text is handed out; decoders treat the first token of a text differently.
    private var context: [Int32] = []
    /// Ids behind them whose text may still change at its end.
    private var pending: [Int32] = []
    /// Bytes of the text of `pending` that are handed out.
    private var handedOut = 0

    /// Bytes of a character that may be missing their last, each of them a replacement character until it comes.
    private static let longestBeginning = 3
    /// Byte tokens that stand for themselves turn whole runs into replacement characters until the last is there. Among
    /// so many ids some character becomes complete, or never.
    private static let longestRun = 8
    /// Pending ids beyond so many become context. Only text that is no text keeps as many.
    private static let mostPending = 32

    /// A decoder at the beginning of a text.
    package init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        skipsSpecialTokens = skipSpecialTokens
    }

    /// Takes the next id; returns the text that is complete now, often none.
    package mutating func append(_ id: Int32) -> String {
        pending.append(id)
        let text = text(of: pending)
        let complete = text.utf8.count - beginningLength(text)
        let piece = handOut(text, upTo: complete)
        if complete == text.utf8.count, !text.isEmpty {
            (context, pending, handedOut) = (pending, [], 0)
        } else if pending.count > Self.mostPending {
            shorten(text)
        }
        return piece
    }

    /// The text that was held back.
    package mutating func finish() -> String {
        let text = text(of: pending)
        let piece = handOut(text, upTo: text.utf8.count)
        (context, pending, handedOut) = ([], [], 0)
        return piece
    }

    /// Of ids that follow the context.
    private func text(of ids: [Int32]) -> String {
        let before = tokenizer.decode(context, skipSpecialTokens: skipsSpecialTokens)
        let all = tokenizer.decode(context + ids, skipSpecialTokens: skipsSpecialTokens)
        return String(decoding: all.utf8.dropFirst(before.utf8.count), as: UTF8.self)
    }

    /// Bytes at the end of the pending text that may become another character.
    private func beginningLength(_ text: String) -> Int {
        let replaced = text.unicodeScalars.reversed().prefix { $0 == "\u{FFFD}" }.count
        let held = pending.count < Self.longestRun ? replaced : min(replaced, Self.longestBeginning)
        return held * "\u{FFFD}".utf8.count
    }

    private mutating func handOut(_ text: String, upTo end: Int) -> String {
        guard end > handedOut else { return "" }
        defer { handedOut = end }
        return String(decoding: text.utf8.prefix(end).dropFirst(handedOut), as: UTF8.self)
    }

    /// Half of the pending ids become context, where the text falls apart between them and those behind.
    private mutating func shorten(_ text: String) {
        let (head, tail) = (Array(pending.prefix(Self.mostPending / 2)), Array(pending.dropFirst(Self.mostPending / 2)))
        let headText = self.text(of: head)
        guard headText.utf8.count <= handedOut, text.utf8.starts(with: headText.utf8) else { return }
        (context, pending, handedOut) = (head, tail, handedOut - headText.utf8.count)
    }
}
