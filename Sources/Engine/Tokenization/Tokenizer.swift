import JSON
import Synchronization

/// A Hugging Face tokenizer: text to token ids and back, exactly as the `tokenizers` library does it.
///
/// Reads `tokenizer.json` with a byte-pair model, byte-level or SentencePiece-style. Safe to use from several threads.
package final class Tokenizer: Sendable {
    let model: BytePairModel
    let normalizer: Normalizer?
    let preTokenizers: [PreTokenizer]
    let postProcessor: PostProcessor
    let decoder: TokenDecoder?
    /// Finds added tokens in the text as it is.
    let rawFinder: AddedTokenFinder
    /// Finds added tokens in the normalized text.
    let normalizedFinder: AddedTokenFinder
    let scratchPool = Mutex<[EncodingScratch]>([])

    private let addedByID: [Int32: AddedToken]
    private let addedByContent: [[UInt8]: Int32]
    /// What added tokens that are found in normalized text are spelled like there.
    private let normalizedSpellings: [Int32: [UInt8]]

    /// The tokens that are found in the text before anything else.
    package let addedTokens: [AddedToken]
    /// One more than the largest id.
    package let vocabularySize: Int
    /// The token that begins a text, if the configuration names one.
    package let bosID: Int32?
    /// The token that ends a text, if the configuration names one.
    package let eosID: Int32?
    /// The token that fills up, if the configuration names one.
    package let padID: Int32?
    /// The token for what the vocabulary cannot say, if there is one.
    package let unkID: Int32?
    /// The Jinja source that renders conversations, if there is one.
    package let chatTemplate: String?
    /// The longest sequence the configuration allows, if it says so.
    package let maximumLength: Int?

    /// Reads `tokenizer.json` of a checkpoint's directory and the configuration beside it.
    package convenience init(directory: String) throws(TokenizerError) {
        let path = directory + "/tokenizer.json"
        try self.init(
            TokenizerFile(TokenizerFile.contents(of: path), named: path), TokenizerSettings(directory: directory))
    }

    /// Reads a `tokenizer.json` alone: there is no begin, end or padding token then.
    package convenience init(file path: String) throws(TokenizerError) {
        try self.init(contents: TokenizerFile.contents(of: path), named: path)
    }

    /// Reads the contents of a `tokenizer.json`; `name` stands for the file in errors.
    package convenience init(contents: [UInt8], named name: String) throws(TokenizerError) {
        try self.init(TokenizerFile(contents, named: name), TokenizerSettings())
    }

    private init(_ file: TokenizerFile, _ settings: TokenizerSettings) throws(TokenizerError) {
        let root = file.root
        normalizer = try Normalizer.read(root["normalizer"])
        preTokenizers = try PreTokenizer.read(root["pre_tokenizer"])
        postProcessor = try PostProcessor.read(root["post_processor"])
        decoder = try TokenDecoder.read(root["decoder"])
        let isByteLevel = preTokenizers.contains { if case .byteLevel = $0 { true } else { false } }
        model = try BytePairModel.read(file, view: isByteLevel ? .byteLevel : .text)
        addedTokens = try AddedToken.read(root["added_tokens"], settings, file.vocabulary)
        let raw = addedTokens.filter { !$0.isNormalized }
        let normalized = addedTokens.filter(\.isNormalized)
        let spellings = Self.spellings(of: normalized, normalizer)
        rawFinder = AddedTokenFinder(raw, spelled: raw.map { Array($0.content.utf8) })
        normalizedFinder = AddedTokenFinder(normalized, spelled: spellings)
        normalizedSpellings = Dictionary(zip(normalized.map(\.id), spellings), uniquingKeysWith: { first, _ in first })
        addedByID = Dictionary(addedTokens.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        addedByContent = Dictionary(
            addedTokens.map { (Array($0.content.utf8), $0.id) }, uniquingKeysWith: { first, _ in first })
        vocabularySize = max(file.vocabulary.idLimit, Int(addedTokens.map(\.id).max() ?? -1) + 1)

        let byContent = addedByContent
        func special(_ node: JSONNode?) throws(TokenizerError) -> Int32? {
            guard let node else { return nil }
            let name = if case .string = node.value { node } else { node["content"] }
            let content = Array(try name.string().utf8)
            guard let id = byContent[content] ?? file.vocabulary.id(of: content) else {
                throw name.fault("a token of \(file.name)")
            }
            return id
        }
        bosID = try special(settings.begin)
        eosID = try special(settings.end)
        padID = try special(settings.padding)
        unkID = try special(settings.unknown) ?? model.unknown
        chatTemplate = settings.chatTemplate
        maximumLength = settings.maximumLength
        try checkTemplateIDs(root["post_processor"])
    }

    private static func spellings(of tokens: [AddedToken], _ normalizer: Normalizer?) -> [[UInt8]] {
        tokens.map { token in
            let text = AlignedText(verbatim: Array(token.content.utf8))
            return normalizer.map { $0.apply(to: text).bytes } ?? text.bytes
        }
    }

    private func checkTemplateIDs(_ node: JSONNode) throws(TokenizerError) {
        for id in postProcessor.before + postProcessor.after where token(of: id) == nil {
            throw TokenizerError(
                .malformed, file: node.file, place: node.path, found: "the id \(id)",
                expected: "ids of model.vocab or added_tokens")
        }
    }

    // MARK: Tokens

    /// The id of the token that the file spells `token`, added tokens first.
    package func id(of token: some Collection<UInt8>) -> Int32? {
        addedByContent[Array(token)] ?? model.vocabulary.id(of: Array(token))
    }

    /// The token of an id as the file spells it, or nil when no token has it.
    package func token(of id: Int32) -> [UInt8]? {
        addedByID[id].map { Array($0.content.utf8) } ?? model.vocabulary.token(of: id).map(Array.init)
    }

    /// Whether the id is of a special added token.
    package func isSpecial(_ id: Int32) -> Bool { addedByID[id]?.isSpecial ?? false }

    // MARK: Decoding

    /// The text of `ids`. Ids without a token are left out, bytes that are not UTF-8 become U+FFFD.
    ///
    /// Added tokens marked as normalized appear in their normalized spelling, as in the library; other than there,
    /// special ones among them are left out too when `skipSpecialTokens` asks for it.
    package func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
        let spellings = ids.compactMap { id in
            skipSpecialTokens && isSpecial(id) ? nil : normalizedSpellings[id] ?? token(of: id)
        }
        return TokenDecoder.text(of: spellings, by: decoder)
    }
}
