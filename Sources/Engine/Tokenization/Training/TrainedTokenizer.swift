import Foundation
import JSON

/// A trained byte-level tokenizer as Hugging Face files.
package struct TrainedTokenizer: Sendable {
    private let settings: BytePairTrainer.Settings
    private let tokens: [[UInt8]]
    private let merges: [MergeLearner.Pair]

    init(settings: BytePairTrainer.Settings, tokens: [[UInt8]], merges: [MergeLearner.Pair]) {
        self.settings = settings
        self.tokens = tokens
        self.merges = merges
    }

    /// The number of tokens, special ones included.
    package var vocabularySize: Int { settings.specialTokens.count + tokens.count }

    /// The trained tokenizer, ready to use.
    package func tokenizer() throws(TokenizerError) -> Tokenizer {
        try Tokenizer(contents: tokenizerJSON, named: "trained tokenizer")
    }

    /// Writes `tokenizer.json` and `tokenizer_config.json` into a directory that exists.
    package func write(to directory: String) throws(TokenizerError) {
        for (name, contents) in [("tokenizer.json", tokenizerJSON), ("tokenizer_config.json", configurationJSON)] {
            let path = directory + "/" + name
            do {
                try Data(contents).write(to: URL(fileURLWithPath: path))
            } catch {
                throw TokenizerError(
                    .unreadable, file: path, place: "", found: error.localizedDescription,
                    expected: "a directory to write to")
            }
        }
    }

    /// The bytes of `tokenizer.json`.
    package var tokenizerJSON: [UInt8] {
        let byteLevel = #"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}"#
        let added = settings.specialTokens.enumerated().map { index, content in
            "{\"id\": \(index), \"content\": \(JSONValue.quoted(content)), \"single_word\": false, \"lstrip\": false, "
                + "\"rstrip\": false, \"normalized\": false, \"special\": true}"
        }
        let text = """
            {
              "version": "1.0",
              "truncation": null,
              "padding": null,
              "added_tokens": [\(added.joined(separator: ", "))],
              "normalizer": null,
              "pre_tokenizer": \(byteLevel),
              "post_processor": \(byteLevel),
              "decoder": \(byteLevel),
              "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": null,
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": false,
                "byte_fallback": false,
                "ignore_merges": false,
                "vocab": {
            \(vocabularyLines.joined(separator: ",\n"))
                },
                "merges": [
            \(mergeLines.joined(separator: ",\n"))
                ]
              }
            }

            """
        return Array(text.utf8)
    }

    private var vocabularyLines: [String] {
        let spellings = settings.specialTokens + tokens.map(Self.spelling)
        return spellings.enumerated().map { "      \(JSONValue.quoted($1)): \($0)" }
    }

    private var mergeLines: [String] {
        merges.map { pair in
            let both = Self.spelling(tokens[Int(pair.left)]) + " " + Self.spelling(tokens[Int(pair.right)])
            return "      \(JSONValue.quoted(both))"
        }
    }

    private static func spelling(_ token: [UInt8]) -> String {
        String(decoding: ByteLevelAlphabet.encode(token), as: UTF8.self)
    }

    /// The bytes of `tokenizer_config.json`.
    package var configurationJSON: [UInt8] {
        var members = [#""tokenizer_class": "PreTrainedTokenizerFast""#, #""clean_up_tokenization_spaces": false"#]
        if let length = settings.maximumLength { members.append("\"model_max_length\": \(length)") }
        let strings = [
            ("bos_token", settings.beginToken), ("eos_token", settings.endToken),
            ("pad_token", settings.paddingToken), ("chat_template", settings.chatTemplate),
        ]
        for case (let key, let value?) in strings { members.append("\"\(key)\": \(JSONValue.quoted(value))") }
        return Array("{\n  \(members.joined(separator: ",\n  "))\n}\n".utf8)
    }
}
