import Testing

@testable import Tokenization

/// Ids and texts are those of the tokenizers library 0.23.3 for the same files.
@Suite("Post-processors and decoders")
struct ClosingStageTests {
    private static let model = """
        {"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"<s>":3,"</s>":4,"<0xC3>":5,"<0xA9>":6,"▁":7},"merges":["a b"]}
        """
    private static let byteLevel =
        #"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true}"#
    private static let template = """
        {"type":"TemplateProcessing",
         "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},
          {"SpecialToken":{"id":"</s>","type_id":0}}],
         "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
         "special_tokens":{"<s>":{"id":"<s>","ids":[3],"tokens":["<s>"]},
          "</s>":{"id":"</s>","ids":[4,4],"tokens":["</s>","</s>"]}}}
        """

    @Test(
        "Special tokens are put around the text, and only when they are asked for",
        arguments: [
            ("null", [2, 1] as [Int32]),
            (byteLevel, [2, 1]),
            (template, [3, 2, 1, 4, 4]),
            (#"{"type":"Sequence","processors":[\#(byteLevel),\#(template)]}"#, [3, 2, 1, 4, 4]),
            (#"{"type":"BertProcessing","sep":["</s>",4],"cls":["<s>",3]}"#, [3, 2, 1, 4]),
            (#"{"type":"RobertaProcessing","sep":["</s>",4],"cls":["<s>",3]}"#, [3, 2, 1, 4]),
        ])
    func postProcessors(json: String, expected: [Int32]) throws {
        let tokenizer = try TinyTokenizers.tokenizer(TinyTokenizers.json(model: Self.model, postProcessor: json))
        #expect(tokenizer.encode("abb", addSpecialTokens: true) == expected)
        #expect(tokenizer.encode("abb", addSpecialTokens: false) == [2, 1])
    }

    @Test(
        "Decoders",
        arguments: [
            ("null", "▁ ab b ▁ <0xC3> <0xA9> <0xC3> a"),
            (byteLevel, "▁abb▁<0xC3><0xA9><0xC3>a"),
            // A run of bytes that is not UTF-8 becomes one U+FFFD for each byte.
            (#"{"type":"ByteFallback"}"#, "▁abb▁\u{FFFD}\u{FFFD}\u{FFFD}a"),
            (#"{"type":"Fuse"}"#, "▁abb▁<0xC3><0xA9><0xC3>a"),
            (
                #"{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}"#,
                "abb <0xC3><0xA9><0xC3>a"
            ),
            (
                #"{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":true}"#,
                " abb <0xC3><0xA9><0xC3>a"
            ),
            (#"{"type":"Replace","pattern":{"String":"a"},"content":"xy"}"#, "▁xybb▁<0xC3><0xA9><0xC3>xy"),
            (
                """
                {"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Strip","content":"▁","start":1,"stop":0},
                 {"type":"Strip","content":"a","start":2,"stop":2}]}
                """, "bb▁<0xC3><0xA9><0xC3>"
            ),
        ])
    func decoders(json: String, expected: String) throws {
        let tokenizer = try TinyTokenizers.tokenizer(TinyTokenizers.json(model: Self.model, decoder: json))
        let text = tokenizer.decode([7, 2, 1, 7, 5, 6, 5, 0], skipSpecialTokens: false)
        #expect(Array(text.utf8) == Array(expected.utf8), "\(text)")
    }

    @Test("Bytes that are UTF-8 become their character")
    func byteFallback() throws {
        let json = TinyTokenizers.json(model: Self.model, decoder: #"{"type":"ByteFallback"}"#)
        #expect(try TinyTokenizers.tokenizer(json).decode([0, 5, 6, 1], skipSpecialTokens: false) == "aéb")
    }

    @Test("Dropout may be named as long as it is off", arguments: ["null", "0", "0.0"])
    func dropout(value: String) throws {
        let model = #"{"type":"BPE","dropout":\#(value),"vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}"#
        let tokenizer = try TinyTokenizers.tokenizer(TinyTokenizers.json(model: model))
        #expect(tokenizer.encode("ab", addSpecialTokens: false) == [2])
    }

    @Test("A token that is normalized is found in the normalized text")
    func normalizedTokens() throws {
        let added = #"[{"id":30,"content":"STOP","special":false,"normalized":true}]"#
        let letters = (UInt8(0x61)...0x7A).map { "\"\(Character(Unicode.Scalar($0)))\": \($0 - 0x61)" }
        let tokenizer = try TinyTokenizers.tokenizer(
            TinyTokenizers.json(
                model: #"{"type":"BPE","vocab":{\#(letters.joined(separator: ","))},"merges":[]}"#, addedTokens: added,
                normalizer: #"{"type":"Lowercase"}"#))
        #expect(tokenizer.encode("aStOpb", addSpecialTokens: false) == [0, 30, 1])
    }
}
