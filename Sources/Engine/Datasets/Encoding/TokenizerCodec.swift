package import Tokenization

extension TextCodec {
    /// The codec of a Hugging Face tokenizer.
    /// - Parameters:
    ///   - endOfSequence: used when the tokenizer names no end token.
    ///   - digest: SHA-256 of the tokenizer's files; part of the key of what is computed from its tokens.
    package init(_ tokenizer: Tokenizer, endOfSequence: Int32? = nil, digest: String) {
        self.init(
            beginningOfSequence: tokenizer.bosID, endOfSequence: tokenizer.eosID ?? endOfSequence, digest: digest,
            encode: { tokenizer.encode($0, addSpecialTokens: $1) },
            encodeWithRanges: {
                let encoding = tokenizer.encodeWithRanges($0, addSpecialTokens: false)
                return (encoding.ids, encoding.ranges)
            },
            decode: { tokenizer.decode($0, skipSpecialTokens: false) })
    }
}
