/// What encoding needs of a tokenizer.
package struct TextCodec: Sendable {
    /// Token ids of a text; with `addSpecialTokens`, what the tokenizer puts around a text is included.
    package let encode: @Sendable (_ text: String, _ addSpecialTokens: Bool) -> [Int32]
    /// Token ids of a text without special ones, and the UTF-8 bytes that each stands for.
    package let encodeWithRanges: @Sendable (_ text: String) -> (ids: [Int32], ranges: [Range<Int>])
    /// The text of some tokens, special tokens written out.
    package let decode: @Sendable (_ ids: [Int32]) -> String
    /// Token that begins a sequence; nil if the model has none.
    package let beginningOfSequence: Int32?
    /// Token that ends a response; nil if the model has none, and then nothing marks the end of a response.
    package let endOfSequence: Int32?
    /// SHA-256 of what defines the tokenizer.
    package let digest: String
    /// Whether every text is tokenized as if a space stood before it, as SentencePiece-style tokenizers do.
    let prependsSpace: Bool

    /// A codec from its parts.
    package init(
        beginningOfSequence: Int32?, endOfSequence: Int32?, digest: String,
        encode: @escaping @Sendable (_ text: String, _ addSpecialTokens: Bool) -> [Int32],
        encodeWithRanges: @escaping @Sendable (_ text: String) -> (ids: [Int32], ranges: [Range<Int>]),
        decode: @escaping @Sendable (_ ids: [Int32]) -> String
    ) {
        self.beginningOfSequence = beginningOfSequence
        self.endOfSequence = endOfSequence
        self.digest = digest
        self.encode = encode
        self.encodeWithRanges = encodeWithRanges
        self.decode = decode
        prependsSpace = decode(encode("x", false) + encode("x", false)) == "x x"
    }

    /// The tokens that open a sequence: what the tokenizer puts before a text, with the beginning token exactly once
    /// and without an end token that it may put after it.
    func opening(_ text: String, addSpecialTokens: Bool) -> [Int32] {
        var ids = encode(text, addSpecialTokens)
        if addSpecialTokens, let endOfSequence, ids.last == endOfSequence, encode(text, false).last != endOfSequence {
            ids.removeLast()
        }
        if let beginningOfSequence {
            while ids.starts(with: [beginningOfSequence, beginningOfSequence]) { ids.removeFirst() }
        }
        return ids
    }

    /// The tokens of a text that goes on from another. A tokenizer that prepends a space gets the text without its own
    /// leading one, which would otherwise be there twice.
    func continuation(_ text: String) -> [Int32] {
        let bytes = text.utf8
        guard prependsSpace, bytes.first == UInt8(ascii: " ") else { return encode(text, false) }
        return encode(String(Substring(bytes.dropFirst())), false)
    }

    /// The tokens with the end token behind them, unless they end with it already.
    func closing(_ ids: [Int32]) -> [Int32] {
        guard let endOfSequence, ids.last != endOfSequence else { return ids }
        return ids + [endOfSequence]
    }

    /// The single token that can stand for an empty beginning, because something has to predict the first token.
    func startToken() throws(RowProblem) -> Int32 {
        guard let token = beginningOfSequence ?? endOfSequence else {
            throw RowProblem(
                found: "an empty prompt, and a tokenizer without a token that begins or ends a sequence",
                expected: "at least one prompt token to predict the response from")
        }
        return token
    }

    /// Number of tokens that carry content: all but an end token at the end.
    func contentCount(_ ids: [Int32]) -> Int {
        ids.last.map { $0 == endOfSequence ? ids.count - 1 : ids.count } ?? 0
    }
}
