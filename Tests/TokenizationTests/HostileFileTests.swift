import Testing

@testable import Tokenization

@Suite("Files that are wrong or hostile")
struct HostileFileTests {
    private static let bpe = #"{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}"#

    @Test(
        "Each fault is named with its place",
        arguments: [
            (#"{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}"#, "model.merges[0]", "\"ab\""),
            (#"{"type":"BPE","vocab":{"a":0},"merges":["a c"]}"#, "model.merges[0]", "\"c\""),
            (#"{"type":"BPE","vocab":{"a":0,"":1},"merges":[["a",""]]}"#, "line", "without two parts"),
            (#"{"type":"BPE","vocab":{"a":0},"merges":["a"]}"#, "line", "without two parts"),
            (#"{"type":"BPE","vocab":{"a":0},"merges":["a b c"]}"#, "line", "without two parts"),
            (#"{"type":"BPE","vocab":{"a":0,"a":1},"merges":[]}"#, "line", "second time"),
            (#"{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}"#, "line", "second time"),
            (#"{"type":"BPE","vocab":{"a":2000000000},"merges":[]}"#, "line", "2000000000"),
            (#"{"type":"BPE","vocab":{"a":-1},"merges":[]}"#, "line", "the integer -1"),
            (#"{"type":"BPE","vocab":{},"merges":[]}"#, "model.vocab", "null"),
            (#"{"type":"Unigram","vocab":[["a",0.5]]}"#, "model.type", "Unigram"),
            (#"{"type":"WordPiece","vocab":{"a":0}}"#, "model.type", "WordPiece"),
            (#"{"type":"BPE","dropout":0.1,"vocab":{"a":0},"merges":[]}"#, "model.dropout", "0.1"),
            (#"{"type":"BPE","unk_token":"?","vocab":{"a":0},"merges":[]}"#, "model.unk_token", "?"),
            (#"{"type":"BPE","end_of_word_suffix":"</w>","vocab":{"a":0},"merges":[]}"#, "end_of_word_suffix", "</w>"),
            (#"{"type":"BPE","vocab":{"\ud800":0},"merges":[]}"#, "line", "surrogate"),
            ("null", "model", "null"),
        ])
    func models(model: String, place: String, found: String) {
        expectFault(TinyTokenizers.json(model: model), place, found)
    }

    @Test("Steps that do not exist here are named")
    func unsupportedSteps() {
        expectFault(
            TinyTokenizers.json(model: Self.bpe, normalizer: #"{"type":"Precompiled"}"#), "normalizer.type",
            "Precompiled")
        expectFault(
            TinyTokenizers.json(model: Self.bpe, preTokenizer: #"{"type":"UnicodeScripts"}"#), "pre_tokenizer.type",
            "UnicodeScripts")
        expectFault(
            TinyTokenizers.json(
                model: Self.bpe,
                preTokenizer: """
                    {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?<=a)b"},
                     "behavior":"Isolated","invert":false}]}
                    """),
            "pre_tokenizer.pretokenizers[0].pattern.Regex", "(?<=a)b")
        expectFault(
            TinyTokenizers.json(model: Self.bpe, postProcessor: #"{"type":"Magic"}"#), "post_processor.type", "Magic")
        expectFault(TinyTokenizers.json(model: Self.bpe, decoder: #"{"type":"CTC"}"#), "decoder.type", "CTC")
        expectFault(
            TinyTokenizers.json(
                model: Self.bpe, preTokenizer: #"{"type":"Split","pattern":{"String":"a"},"behavior":"x"}"#),
            "pre_tokenizer.behavior", "x")
    }

    @Test("Added tokens must agree with the vocabulary and among themselves")
    func addedTokens() {
        for tokens in ["[\(TinyTokenizers.added(0, "X"))]", "[\(TinyTokenizers.added(9, "ab"))]"] {
            expectFault(TinyTokenizers.json(model: Self.bpe, addedTokens: tokens), "added_tokens[0]", "model.vocab")
        }
        let twice = "[\(TinyTokenizers.added(9, "X")), \(TinyTokenizers.added(9, "Y"))]"
        expectFault(TinyTokenizers.json(model: Self.bpe, addedTokens: twice), "added_tokens[1]", "\"X\"")
        let long = String(repeating: "x", count: 2_000)
        expectFault(
            TinyTokenizers.json(model: Self.bpe, addedTokens: "[\(TinyTokenizers.added(9, long))]"),
            "added_tokens[0].content", "string")
        expectFault(
            TinyTokenizers.json(
                model: Self.bpe, postProcessor: #"{"type":"BertProcessing","sep":["s",77],"cls":["c",0]}"#),
            "post_processor", "77")
    }

    @Test(
        "JSON that is not JSON is an error with line and byte",
        arguments: [
            "", "{", "[]", "{\"model\": {}} x", "{\"a\": 01}", "{\"a\": 1.}", "{\"a\": nul}",
            "{\"a\" 1}", "{\"a\": 1,}",
            "{\"a\": \"\u{1}\"}", "{\"a\": \"\\x\"}", "{\"a\": \"\\u12\"}", "{\"a\": 1, \"a\": 2}", "{\"a\": +1}",
            "{\"a\": \"", "{\"model\": {\"vocab\": {\"a\": 0",
        ])
    func json(text: String) {
        let error = #expect(throws: TokenizerError.self) { try TinyTokenizers.tokenizer(text) }
        #expect(error?.place.hasPrefix("line 1, byte ") == true, "\(String(describing: error))")
    }

    @Test("Nesting without end is refused", arguments: ["[", "{\"a\":", "{\"model\":{\"a\":["])
    func nesting(opening: String) {
        let error = #expect(throws: TokenizerError.self) {
            try TinyTokenizers.tokenizer("{\"model\":" + String(repeating: opening, count: 50_000))
        }
        #expect(error?.place.hasPrefix("line 1, byte ") == true, "\(String(describing: error))")
    }

    @Test("A file that is not UTF-8 or not there is an error that names it")
    func unreadable() {
        let error = #expect(throws: TokenizerError.self) { try Tokenizer(contents: [0x7B, 0xFF], named: "bad.json") }
        #expect(error?.description.hasPrefix("bad.json: line 1, byte 2: found a byte that is not UTF-8") == true)
        let missing = #expect(throws: TokenizerError.self) { try Tokenizer(directory: "/nonexistent") }
        #expect(missing?.kind == .unreadable)
        #expect(missing?.file == "/nonexistent/tokenizer.json")
    }

    private func expectFault(
        _ json: String, _ place: String, _ found: String, location: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: TokenizerError.self, sourceLocation: location) {
            try TinyTokenizers.tokenizer(json)
        }
        #expect(error?.place.contains(place) == true, "\(String(describing: error))", sourceLocation: location)
        #expect(error?.found.contains(found) == true, "\(String(describing: error))", sourceLocation: location)
        #expect(error?.description.contains("tiny.json") == true, sourceLocation: location)
    }
}
