package import Tokenization

extension TextCodec {
    /// The codec of a Hugging Face tokenizer.
    /// - Parameter digest: SHA-256 of the tokenizer's files; part of the key of what is computed from its tokens.
    package init(_ tokenizer: Tokenizer, digest: String) {
        self.init(
            beginningOfSequence: tokenizer.bosID, endOfSequence: tokenizer.eosID, digest: digest,
            encode: { tokenizer.encode($0, addSpecialTokens: $1) },
            decode: { tokenizer.decode($0, skipSpecialTokens: false) })
    }
}
