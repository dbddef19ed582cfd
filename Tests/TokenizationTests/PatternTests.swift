import Testing

@testable import Tokenization

@Suite("Patterns")
struct PatternTests {
    private func matches(_ pattern: String, _ text: String) throws -> [String] {
        let compiled = try Pattern(pattern)
        let bytes = Array(text.utf8)
        var notes: [UInt16] = []
        var ranges: [Range<Int>] = []
        bytes.withUnsafeBufferPointer {
            _ = compiled.appendMatches(in: $0, 0..<$0.count, as: .text, notes: &notes, to: &ranges)
        }
        return ranges.map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test(
        "Matches are those of a backtracking engine",
        arguments: [
            (#"\s+(?!\S)|\s+"#, "a   b  ", ["  ", " ", "  "]),
            (#"\p{N}{1,3}"#, "1234567x8", ["123", "456", "7", "8"]),
            (#"\p{N}{1,3}+"#, "1234567x8", ["1234567", "8"]),
            (#"(?i:'s|'t)|."#, "x'ſ'S't", ["x", "'ſ", "'S", "'t"]),
            (#"\s+$"#, "a  \n  b  ", ["  ", "  "]),
            (#"\s++$"#, "a  \n  b  ", ["  "]),
            (#"a??b|a"#, "aab", ["a", "ab"]),
            (#"a|ab|abc"#, "abcab", ["a", "a"]),
            (#"(?:ab|a)b?c"#, "abcacabbc", ["abc", "ac", "abbc"]),
            (#"a{2,}"#, "aaa a", ["aaa"]),
            (#"[^\S\n]+"#, "a \t\n b", [" \t", " "]),
            (#"[\]\-x]+"#, "]-xa", ["]-x"]),
            (#"\x41\u0042\x{1F600}"#, "AB😀", ["AB😀"]),
            (#"\P{L}+"#, "ab12é!", ["12", "!"]),
            (#"x(?=y)"#, "xy xz", ["x"]),
            (#".+"#, "ab\ncd", ["ab", "cd"]),
        ])
    func priorities(pattern: String, text: String, expected: [String]) throws {
        #expect(try matches(pattern, text) == expected)
    }

    @Test("GPT-2's pattern keeps the space with the word and the last space of a run")
    func gpt2() throws {
        let text = "Hello  world's 12 ½ 東京!?\n\n x"
        let expected = ["Hello", " ", " world", "'s", " 12", " ½", " 東京", "!?", "\n\n", " x"]
        #expect(try matches(PreTokenizer.gpt2Pattern, text) == expected)
    }

    @Test("A set knows Unicode's categories and both ends of a range")
    func sets() throws {
        #expect(try matches(#"[\p{Lu}\p{M}]"#, "aÀ\u{301}b") == ["À", "\u{301}"])
        #expect(try matches(#"[一-龥]+"#, "一龥龦") == ["一龥"])
        // Assigned in Unicode 17: not a letter for the regular expressions of the library.
        #expect(try matches(#"\p{L}"#, "\u{88F}").isEmpty)
    }

    @Test(
        "What is outside the subset is refused by name",
        arguments: [
            (#"^a"#, "'^'"), (#"a\b"#, #"\b"#), (#"(?<=a)b"#, "special group"), (#"(a)\1"#, #"\1"#),
            (#"(?:ab)++"#, "possessive"), (#"\p{Han}"#, "Han"), (#"[a-z&&[b]]"#, "intersection"),
            (#"[[:alpha:]]"#, "'['"), (#"(?!ab)c"#, "lookahead"), (#"(a*)*"#, "can be empty"),
            (#"a*"#, "empty text"), (#"a{1,9999}"#, "counts"), (#"(a"#, "does not end"), (#"a)"#, "unmatched"),
            (#"[a"#, "does not end"), (#"*a"#, "nothing before"), (#"[z-a]"#, "range"), (#"(?i:é)"#, "ASCII"),
        ])
    func refusals(pattern: String, word: String) {
        let error = #expect(throws: PatternError.self) { try Pattern(pattern) }
        #expect(error.map { $0.found.contains(word) } == true, "\(String(describing: error))")
    }

    @Test("A pattern that needs an exponential automaton is refused when it is compiled")
    func explosion() {
        #expect(throws: PatternError.self) { try Pattern("(?:a|b){20}a(?:a|b)*c") }
    }

    @Test(
        "Patterns that make backtracking engines explode are matched in one pass",
        arguments: [#"(?:a|aa)+b"#, #"(?:a+)+b"#, #"\s+$x"#, #"(?:a|a)+c|\s+y"#])
    func hostile(pattern: String) throws {
        let text = String(repeating: "a", count: 40_000) + String(repeating: " ", count: 40_000)
        #expect(try matches(pattern, text).isEmpty)
    }
}
