import SeededRandom
import Testing

@testable import Tokenization

@Suite("SentencePiece-style tokenizers and added tokens")
struct TokenizerTests {
    @Test("Spaces become visible, unknown characters become bytes, <s> comes first")
    func sentencePiece() throws {
        let tokenizer = try TinyTokenizers.tokenizer(TinyTokenizers.sentencePiece())
        let (space, a, b, spaceAB) = (Int32(259), Int32(260), Int32(261), Int32(264))
        #expect(tokenizer.encode("ab", addSpecialTokens: true) == [1, spaceAB])
        #expect(tokenizer.encode("bab b", addSpecialTokens: false) == [space, b, 263, space, b])
        let accented = tokenizer.encode("aé", addSpecialTokens: false)
        #expect(accented == [262, 3 + 0xC3, 3 + 0xA9])
        #expect(tokenizer.decode([1] + accented, skipSpecialTokens: true) == "aé")
        #expect(tokenizer.decode([3 + 0xC3, a], skipSpecialTokens: false) == "\u{FFFD}a")
        #expect(tokenizer.encode("", addSpecialTokens: true) == [1])
        #expect(tokenizer.unkID == 0)
        #expect(tokenizer.vocabularySize == 265)
    }

    @Test("Unknown characters fuse, stay apart or are dropped, as the file says")
    func unknown() throws {
        let fusing = try TinyTokenizers.tokenizer(TinyTokenizers.sentencePiece(fallback: false))
        #expect(fusing.encode("éèa", addSpecialTokens: false) == [3, 0, 4])
        let apart = try TinyTokenizers.tokenizer(TinyTokenizers.sentencePiece(fallback: false, fuses: false))
        #expect(apart.encode("éèa", addSpecialTokens: false) == [3, 0, 0, 4])
        let dropping = try TinyTokenizers.tokenizer(TinyTokenizers.letters())
        #expect(dropping.encode("aéb", addSpecialTokens: false) == [0, 1])
    }

    @Test("Of added tokens the leftmost and longest is found; control tokens can be left out of the text")
    func addedTokens() throws {
        let tokens = "[\(TinyTokenizers.added(30, "<a>")), \(TinyTokenizers.added(31, "<a><b>"))]"
        let tokenizer = try TinyTokenizers.tokenizer(TinyTokenizers.letters(addedTokens: tokens))
        let ids = tokenizer.encode("x<a><b>y<a>z<a", addSpecialTokens: false)
        #expect(ids == [23, 31, 24, 30, 25, 0])
        #expect(tokenizer.decode([30, 0], skipSpecialTokens: true) == "a")
        #expect(tokenizer.isSpecial(30))
        #expect(tokenizer.id(of: "<a>".utf8) == 30)
        #expect(tokenizer.token(of: 31) == Array("<a><b>".utf8))
        #expect(tokenizer.token(of: 29) == nil)
    }

    @Test("Added tokens take white space along and can ask to stand alone")
    func addedTokenFlags() throws {
        let tokens = """
            [\(TinyTokenizers.added(30, "LEFT", #", "lstrip": true"#)), \
            \(TinyTokenizers.added(31, "RIGHT", #", "rstrip": true"#)), \
            \(TinyTokenizers.added(32, "WORD", #", "single_word": true"#))]
            """
        let tokenizer = try TinyTokenizers.tokenizer(TinyTokenizers.letters(addedTokens: tokens))
        #expect(tokenizer.encode("a LEFT b", addSpecialTokens: false) == [0, 30, 26, 1])
        #expect(tokenizer.encode("a RIGHT b", addSpecialTokens: false) == [0, 26, 31, 1])
        #expect(tokenizer.encode("aWORD WORD", addSpecialTokens: false) == [0, 26, 32])
        #expect(tokenizer.encode("WORDb", addSpecialTokens: false) == [1])
        let ranges = tokenizer.encodeWithRanges("a LEFT b", addSpecialTokens: false).ranges
        #expect(ranges == [0..<1, 1..<6, 6..<7, 7..<8])
    }

    @Test("With ignore_merges a word that is a token is taken whole")
    func ignoreMerges() throws {
        func json(_ ignores: Bool) -> String {
            TinyTokenizers.json(
                model: #"{"type":"BPE","ignore_merges":\#(ignores),"vocab":{"a":0,"b":1,"ab":2},"merges":[]}"#)
        }
        #expect(try TinyTokenizers.tokenizer(json(true)).encode("ab", addSpecialTokens: false) == [2])
        #expect(try TinyTokenizers.tokenizer(json(false)).encode("ab", addSpecialTokens: false) == [0, 1])
    }

    @Test("Canonically equivalent tokens are different tokens")
    func bytesNotCharacters() throws {
        let json = TinyTokenizers.json(
            model: #"{"type":"BPE","vocab":{"\u00e9":0,"e":1,"\u0301":2,"e\u0301":3},"merges":["e \u0301"]}"#)
        let tokenizer = try TinyTokenizers.tokenizer(json)
        #expect(tokenizer.encode("\u{E9}", addSpecialTokens: false) == [0])
        #expect(tokenizer.encode("e\u{301}", addSpecialTokens: false) == [3])
    }

    @Test("Ranges lead back through the normalizer to the bytes of the input")
    func ranges() throws {
        let tokenizer = try TinyTokenizers.tokenizer(TinyTokenizers.sentencePiece())
        let encoding = tokenizer.encodeWithRanges("b aé", addSpecialTokens: true)
        #expect(encoding.ids == [1, 259, 261, 262, 3 + 0xC3, 3 + 0xA9])
        #expect(encoding.ranges == [0..<0, 0..<0, 0..<1, 1..<3, 3..<4, 4..<5])
        let composing = try TinyTokenizers.tokenizer(
            TinyTokenizers.json(
                model: #"{"type":"BPE","vocab":{"\u00e9":0,"x":1},"merges":[]}"#, normalizer: #"{"type":"NFC"}"#))
        let composed = composing.encodeWithRanges("xe\u{301}x", addSpecialTokens: false)
        #expect(composed.ids == [1, 0, 1])
        #expect(composed.ranges == [0..<1, 1..<4, 4..<5])
    }

    @Test("Streamed pieces are the decoded text, and no piece cuts a character")
    func streaming() throws {
        let tokenizer = try TinyTokenizers.tokenizer(TinyTokenizers.sentencePiece())
        let text = "ab é東b 😀 a"
        let ids = tokenizer.encode(text, addSpecialTokens: true)
        var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: true)
        var pieces: [String] = []
        for id in ids { pieces.append(decoder.append(id)) }
        pieces.append(decoder.finish())
        #expect(pieces.joined() == text)
        #expect(!pieces.contains { $0.contains("\u{FFFD}") })
        var cut = StreamingDecoder(tokenizer, skipSpecialTokens: true)
        #expect(cut.append(3 + 0xC3) == "")
        #expect(cut.finish() == "\u{FFFD}")
    }

    /// What a model writes that has learned nothing: bytes that begin characters, and late ones that complete them.
    @Test("Streamed pieces of any bytes are the decoded text", arguments: 1...80)
    func streamingOfAnyBytes(beginnings: Int) throws {
        let tokenizer = try TinyTokenizers.tokenizer(TinyTokenizers.bytes())
        var random = SplitMix64(UInt64(beginnings))
        let some: [Int32] = [0xF0, 0x9F, 0x98, 0x80, 0xE6, 0x9D, 0xB1, 0xC3, 0xA9, 0x20]
        let scattered = (0..<60).map { _ in some[random.below(some.count)] }
        for ids in [Array(repeating: 0xDB, count: beginnings) + [0x89, 0x20, 0xDB, 0x20], scattered] {
            var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: true)
            let pieces = ids.map { decoder.append($0) } + [decoder.finish()]
            #expect(pieces.joined() == tokenizer.decode(ids, skipSpecialTokens: true))
        }
    }

    @Test("Input that is not UTF-8 is an error that names the byte")
    func invalidInput() throws {
        let tokenizer = try TinyTokenizers.tokenizer(TinyTokenizers.letters())
        #expect(try tokenizer.encode(utf8: Array("ab".utf8), addSpecialTokens: false) == [0, 1])
        for bytes in [[0x61, 0xFF], [0x61, 0xC0, 0x80], [0x61, 0xED, 0xA0, 0x80], [0x61, 0xE6, 0x9D]] as [[UInt8]] {
            let error = #expect(throws: TokenizerError.self) {
                try tokenizer.encode(utf8: bytes, addSpecialTokens: false)
            }
            #expect(error?.place == "byte 1")
        }
    }
}
