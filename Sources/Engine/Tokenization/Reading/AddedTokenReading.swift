/// Reading added tokens from a tokenizer file and its configuration.
extension AddedToken {
    /// All added tokens, special ones first as the library looks for them.
    static func read(
        _ list: JSONNode, _ settings: TokenizerSettings, _ vocabulary: Vocabulary
    ) throws(TokenizerError) -> [AddedToken] {
        var tokens: [AddedToken] = []
        if !list.isNull {
            for node in try list.elements() { try append(node, id: try node["id"].index(), to: &tokens, vocabulary) }
        }
        let known = Set(tokens.map { Array($0.content.utf8) })
        for node in settings.addedTokens where !known.contains(Array(try node["content"].string().utf8)) {
            let key = node.path.split(separator: ".").last.flatMap { Int($0) }
            guard let id = key, id <= Vocabulary.maximumID else { throw node.fault("an id as the key") }
            try append(node, id: id, to: &tokens, vocabulary)
        }
        return tokens.filter(\.isSpecial) + tokens.filter { !$0.isSpecial }
    }

    private static func append(
        _ node: JSONNode, id: Int, to tokens: inout [AddedToken], _ vocabulary: Vocabulary
    ) throws(TokenizerError) {
        let content = try node["content"].string()
        let token = AddedToken(
            id: Int32(id), content: content, isSpecial: try node["special"].boolean(absent: false),
            isSingleWord: try node["single_word"].boolean(absent: false),
            stripsLeft: try node["lstrip"].boolean(absent: false),
            stripsRight: try node["rstrip"].boolean(absent: false),
            isNormalized: try node["normalized"].boolean(absent: true))
        guard id <= Vocabulary.maximumID else { throw node["id"].fault("an id up to \(Vocabulary.maximumID)") }
        guard content.utf8.count <= AddedTokenFinder.maximumLength else {
            throw node["content"].fault("at most \(AddedTokenFinder.maximumLength) bytes")
        }
        if let other = vocabulary.token(of: token.id), !other.elementsEqual(content.utf8) {
            throw node.clash("the id \(id), which is \"\(String(decoding: other, as: UTF8.self))\" in model.vocab")
        }
        if let other = vocabulary.id(of: Array(content.utf8)), other != token.id {
            throw node.clash("\"\(content)\" with the id \(id), which has the id \(other) in model.vocab")
        }
        if let other = tokens.first(where: { $0.id == token.id || $0.content.utf8.elementsEqual(content.utf8) }) {
            throw node.clash("\"\(content)\" with the id \(id) beside \"\(other.content)\" with the id \(other.id)")
        }
        tokens.append(token)
    }
}

extension JSONNode {
    fileprivate func clash(_ found: String) -> TokenizerError {
        TokenizerError(
            .malformed, file: file, place: path, found: found,
            expected: "one id for each token and one token for each id")
    }
}
