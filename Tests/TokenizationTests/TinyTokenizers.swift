@testable import Tokenization

/// Small tokenizer files for tests, written by hand.
enum TinyTokenizers {
    /// A `tokenizer.json` with the given members beside the model's defaults.
    static func json(
        model: String, addedTokens: String = "[]", normalizer: String = "null", preTokenizer: String = "null",
        postProcessor: String = "null", decoder: String = "null"
    ) -> String {
        """
        {"version": "1.0", "truncation": null, "padding": null, "added_tokens": \(addedTokens),
         "normalizer": \(normalizer), "pre_tokenizer": \(preTokenizer), "post_processor": \(postProcessor),
         "decoder": \(decoder), "model": \(model)}
        """
    }

    static func tokenizer(_ json: String) throws(TokenizerError) -> Tokenizer {
        try Tokenizer(contents: Array(json.utf8), named: "tiny.json")
    }

    static func added(_ id: Int, _ content: String, _ flags: String = "") -> String {
        let isSpecial = content.hasPrefix("<")
        return #"{"id": \#(id), "content": "\#(content)", "special": \#(isSpecial), "normalized": false\#(flags)}"#
    }

    /// Llama-style: prepended and replaced spaces, unknown characters as bytes, `<s>` in front.
    static func sentencePiece(fallback: Bool = true, fuses: Bool = true) -> String {
        var tokens = ["<unk>", "<s>", "</s>"]
        if fallback {
            tokens += (UInt8(0)...255).map { String(decoding: BytePairModel.fallbackToken(of: $0), as: UTF8.self) }
        }
        tokens += ["▁", "a", "b", "▁a", "ab", "▁ab"]
        let vocabulary = tokens.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", ")
        return json(
            model: """
                {"type": "BPE", "dropout": null, "unk_token": "<unk>", "fuse_unk": \(fuses),
                 "byte_fallback": \(fallback), "vocab": {\(vocabulary)}, "merges": ["▁ a", "a b", ["▁a", "b"]]}
                """,
            addedTokens: "[\(added(0, "<unk>")), \(added(1, "<s>")), \(added(2, "</s>"))]",
            normalizer: """
                {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                 {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
                """,
            postProcessor: """
                {"type": "TemplateProcessing",
                 "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                 "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
                """,
            decoder: """
                {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                 {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
                """)
    }

    /// GPT-2-style, one token for each byte, whose id is the byte.
    static func bytes() -> String {
        let vocabulary = ByteLevelAlphabet.spellings.enumerated().map { id, spelling in
            let character = String(decoding: spelling, as: UTF8.self)
            return "\"\(["\"", "\\"].contains(character) ? "\\" : "")\(character)\": \(id)"
        }
        return json(
            model: #"{"type": "BPE", "vocab": {\#(vocabulary.joined(separator: ", "))}, "merges": []}"#,
            preTokenizer: #"{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}"#,
            decoder: #"{"type": "ByteLevel"}"#)
    }

    /// One token for each ASCII letter and the space, no merges.
    static func letters(addedTokens: String = "[]", model: String = "") -> String {
        let letters = (UInt8(0x61)...0x7A).map { "\"\(Character(Unicode.Scalar($0)))\": \($0 - 0x61)" }
        let vocabulary = letters + [#"" ": 26"#]
        return json(
            model: #"{"type": "BPE", "vocab": {\#(vocabulary.joined(separator: ", "))}, "merges": []\#(model)}"#,
            addedTokens: addedTokens)
    }
}
