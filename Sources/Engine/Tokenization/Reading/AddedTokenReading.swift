/// Reading added tokens from a tokenizer file and its configuration.
extension AddedToken {
    /// All added tokens, special ones first as the library looks for them.
    static func read(
        _ list: JSONNode, _ settings: TokenizerSettings, _ vocabulary: Vocabulary
    ) throws(TokenizerError) -> [AddedToken] {
        var reading = AddedTokenReading(vocabulary: vocabulary)
        if !list.isNull {
            for node in try list.elements() { try reading.append(node, id: try node["id"].index()) }
        }
        let listed = Set(reading.byContent.keys)
        for node in settings.addedTokens where !listed.contains(Array(try node["content"].string().utf8)) {
            let key = node.path.dropFirst("added_tokens_decoder.".count)
            guard let id = Int(key), "\(id)" == key, JSONNode.indices.contains(id) else {
                throw TokenizerError(
                    .malformed, file: node.file, place: node.path, found: "the key \"\(key.prefix(60))\"",
                    expected: "an id as the key")
            }
            try reading.append(node, id: id)
        }
        return reading.tokens.filter(\.isSpecial) + reading.tokens.filter { !$0.isSpecial }
    }
}

/// The added tokens that were read so far; each must have a content and an id of its own.
private struct AddedTokenReading {
    let vocabulary: Vocabulary
    private(set) var tokens: [AddedToken] = []
    /// The place of a token in `tokens`.
    private(set) var byContent: [[UInt8]: Int] = [:]
    private var byID: [Int32: Int] = [:]

    init(vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
    }

    mutating func append(_ node: JSONNode, id: Int) throws(TokenizerError) {
        let content = try node["content"].string()
        guard id <= Vocabulary.maximumID else { throw node.clash("the id \(id)", "an id up to \(Vocabulary.maximumID)") }
        let token = AddedToken(
            id: Int32(id), content: content, isSpecial: try node["special"].boolean(absent: false),
            isSingleWord: try node["single_word"].boolean(absent: false),
            stripsLeft: try node["lstrip"].boolean(absent: false),
            stripsRight: try node["rstrip"].boolean(absent: false),
            isNormalized: try node["normalized"].boolean(absent: true))
        guard content.utf8.count <= AddedTokenFinder.maximumLength else {
            throw node["content"].fault("at most \(AddedTokenFinder.maximumLength) bytes")
        }
        if let other = vocabulary.token(of: token.id), !other.elementsEqual(content.utf8) {
            throw node.clash("the id \(id), which is \"\(String(decoding: other, as: UTF8.self))\" in model.vocab")
        }
        if let other = vocabulary.id(of: Array(content.utf8)), other != token.id {
            throw node.clash("\"\(content)\" with the id \(id), which has the id \(other) in model.vocab")
        }
        let bytes = Array(content.utf8)
        if let other = (byContent[bytes] ?? byID[token.id]).map({ tokens[$0] }) {
            throw node.clash("\"\(content)\" with the id \(id) beside \"\(other.content)\" with the id \(other.id)")
        }
        byContent[bytes] = tokens.count
        byID[token.id] = tokens.count
        tokens.append(token)
    }
}

extension JSONNode {
    fileprivate func clash(
        _ found: String, _ expected: String = "one id for each token and one token for each id"
    ) -> TokenizerError {
        TokenizerError(.malformed, file: file, place: path, found: found, expected: expected)
    }
}
