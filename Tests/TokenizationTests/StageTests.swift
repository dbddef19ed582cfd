import Testing

@testable import Tokenization

@Suite("Normalizers and splitters")
struct StageTests {
    private func normalized(_ json: String, _ text: String) throws -> String {
        let node = try TokenizerFile.tree(Array(json.utf8), named: "test")
        let normalizer = try #require(try Normalizer.read(node))
        return String(decoding: normalizer.apply(to: AlignedText(verbatim: Array(text.utf8))).bytes, as: UTF8.self)
    }

    private func equalBytes(_ a: String, _ b: String) -> Bool { Array(a.utf8) == Array(b.utf8) }

    @Test(
        "Normalization forms",
        arguments: [
            ("NFC", "e\u{301}x q\u{307}\u{323}", "\u{E9}x q\u{323}\u{307}"),
            ("NFD", "\u{E9}\u{AC01}", "e\u{301}\u{1100}\u{1161}\u{11A8}"),
            ("NFC", "\u{1100}\u{1161}\u{11A8}\u{212B}", "\u{AC01}\u{C5}"),
            ("NFC", "\u{958}\u{344}", "\u{915}\u{93C}\u{308}\u{301}"),
            ("NFKC", "ﬁ①\u{FF21}ſ\u{323}", "fi1A\u{1E63}"),
            ("NFKD", "\u{1E9B}\u{323}", "s\u{323}\u{307}"),
            ("NFC", "abc", "abc"),
            ("NFC", "\u{301}a", "\u{301}a"),
            // Assigned after Unicode 9: the library leaves it alone.
            ("NFD", "\u{11938}", "\u{11938}"),
        ])
    func forms(name: String, text: String, expected: String) throws {
        let found = try normalized(#"{"type": "\#(name)"}"#, text)
        #expect(equalBytes(found, expected), "\(found.unicodeScalars.map { String($0.value, radix: 16) })")
    }

    @Test("A megabyte of combining marks in the wrong order is sorted")
    func marks() throws {
        let text = "a" + String(repeating: "\u{301}\u{323}", count: 60_000)
        let found = try normalized(#"{"type": "NFD"}"#, text)
        let expected = "a" + String(repeating: "\u{323}", count: 60_000) + String(repeating: "\u{301}", count: 60_000)
        #expect(equalBytes(found, expected))
    }

    @Test("Steps of a sequence run in order")
    func sequence() throws {
        let json = """
            {"type": "Sequence", "normalizers": [{"type": "Strip", "strip_left": true, "strip_right": true},
             {"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"},
             {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
             {"type": "Replace", "pattern": {"String": " "}, "content": "_"}, {"type": "Prepend", "prepend": "_"}]}
            """
        #expect(try normalized(json, "  ÀB   c\n") == "_ab_c")
        #expect(try normalized(json, "  ") == "")
    }

    @Test(
        "Split behaviours",
        arguments: [
            ("Removed", false, ["the", "final", "countdown"]),
            ("Isolated", false, ["the", "-", "final", "-", "-", "countdown"]),
            ("MergedWithPrevious", false, ["the-", "final-", "-", "countdown"]),
            ("MergedWithNext", false, ["the", "-final", "-", "-countdown"]),
            ("Contiguous", false, ["the", "-", "final", "--", "countdown"]),
            ("Removed", true, ["-", "-", "-"]),
        ])
    func behaviors(name: String, isInverted: Bool, expected: [String]) throws {
        let json = #"{"type":"Split","pattern":{"String":"-"},"behavior":"\#(name)","invert":\#(isInverted)}"#
        #expect(try pieces(json, "the-final--countdown") == expected)
    }

    @Test(
        "Splitters by character",
        arguments: [
            (#"{"type":"Digits","individual_digits":true}"#, "a12½b", ["a", "1", "2", "½", "b"]),
            (#"{"type":"Digits","individual_digits":false}"#, "a12½b", ["a", "12½", "b"]),
            (#"{"type":"Punctuation"}"#, "a,.b$", ["a", ",", ".", "b", "$"]),
            (#"{"type":"Punctuation","behavior":"Contiguous"}"#, "a,.b", ["a", ",.", "b"]),
            (#"{"type":"Whitespace"}"#, "a_b, c  d", ["a_b", ",", "c", "d"]),
            (#"{"type":"WhitespaceSplit"}"#, " a, b ", ["a,", "b"]),
            (#"{"type":"Metaspace","replacement":"▁"}"#, "a  b", ["▁a", "▁", "▁b"]),
            (#"{"type":"Metaspace","replacement":"▁","prepend_scheme":"never"}"#, "a b", ["a", "▁b"]),
            (#"{"type":"Metaspace","replacement":"▁","split":false}"#, "a b", ["▁a▁b"]),
            (#"{"type":"Metaspace","replacement":"▁","add_prefix_space":false}"#, "a", ["a"]),
            (#"{"type":"ByteLevel"}"#, "a b", [" a", " b"]),
        ])
    func splitters(json: String, text: String, expected: [String]) throws {
        #expect(try pieces(json, text) == expected)
    }

    private func pieces(_ json: String, _ text: String) throws -> [String] {
        let steps = try PreTokenizer.read(TokenizerFile.tree(Array(json.utf8), named: "test"))
        var pieces = Pieces(text: AlignedText(verbatim: Array(text.utf8)), ranges: [0..<text.utf8.count])
        var scratch = SplitScratch()
        for step in steps { step.apply(to: &pieces, &scratch) }
        return pieces.ranges.map { String(decoding: pieces.text.bytes[$0], as: UTF8.self) }
    }

    @Test("After ByteLevel the splitters see the byte-level alphabet")
    func byteLevelView() throws {
        // The second byte of "в" is spelled ² there, which is numeric.
        let json = """
            {"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false},
             {"type":"Digits","individual_digits":false}]}
            """
        let steps = try PreTokenizer.read(TokenizerFile.tree(Array(json.utf8), named: "test"))
        var pieces = Pieces(text: AlignedText(verbatim: Array("ав1".utf8)), ranges: [0..<5])
        var scratch = SplitScratch()
        for step in steps { step.apply(to: &pieces, &scratch) }
        #expect(pieces.ranges == [0..<3, 3..<4, 4..<5])
    }
}
