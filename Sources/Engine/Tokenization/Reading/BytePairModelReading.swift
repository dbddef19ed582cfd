import JSON

/// Reading the model from a tokenizer file.
extension BytePairModel {
    static func read(_ file: TokenizerFile, view: Pattern.View) throws(TokenizerError) -> BytePairModel {
        let node = file.root["model"]
        if ![.null, .integer(0), .number(0)].contains(node["dropout"].value) {
            throw node["dropout"].unsupported("null or 0: ids must not depend on chance")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            let affix = node[key]
            if affix.isNull { continue }
            guard try affix.string().isEmpty else { throw affix.unsupported("null or an empty string") }
        }
        var unknown: Int32?
        if !node["unk_token"].isNull {
            let token = Array(try node["unk_token"].string().utf8)
            guard let id = file.vocabulary.id(of: token) else {
                throw node["unk_token"].fault("a token of model.vocab")
            }
            unknown = id
        }
        return BytePairModel(
            vocabulary: file.vocabulary, merges: try file.merges(), unknown: unknown,
            fusesUnknown: try node["fuse_unk"].boolean(absent: false),
            usesByteFallback: try node["byte_fallback"].boolean(absent: false),
            ignoresMerges: try node["ignore_merges"].boolean(absent: false), view: view)
    }
}
