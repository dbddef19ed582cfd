import Foundation
import TestFolders
import Testing

@testable import Tokenization

@Suite("Training a byte-level tokenizer")
struct TrainerTests {
    private static let texts = [
        "the cat sat on the mat, the cat sat", "a cat and a hat; the hat sat on the cat", "Ünïcödé 東京 😀 the end",
        "hug pug pun bun hugs <|endoftext|> hug pug hugs",
    ]

    private func trained(_ size: Int, _ texts: [String] = texts) throws -> TrainedTokenizer {
        var trainer = try BytePairTrainer(.init(vocabularySize: size, specialTokens: ["<|endoftext|>", "<|pad|>"]))
        for text in texts { trainer.add(text) }
        return trainer.train()
    }

    @Test("The most frequent pair merges first, and of equals the one of smaller ids")
    func order() throws {
        var trainer = try BytePairTrainer(.init(vocabularySize: 260, specialTokens: ["<|end|>"]))
        trainer.add("ab ab ab cd cd")
        let tokenizer = try trainer.train().tokenizer()
        // "ab" occurs three times; then " c", " ab" and "cd" twice each, in the order of their first ids.
        #expect(tokenizer.token(of: 257) == Array("ab".utf8))
        #expect(tokenizer.token(of: 258) == Array("Ġc".utf8))
        #expect(tokenizer.token(of: 259) == Array("Ġab".utf8))
    }

    @Test("Any text survives encoding and decoding")
    func roundTrip() throws {
        let tokenizer = try trained(300).tokenizer()
        for text in Self.texts + ["", " ", "\u{0}\u{7F}\u{FFFD}", "a\u{301}e", "نص", "\r\n\t"] {
            let encoding = tokenizer.encodeWithRanges(text, addSpecialTokens: true)
            #expect(tokenizer.decode(encoding.ids, skipSpecialTokens: false) == text)
            #expect(encoding.ranges.first?.lowerBound ?? 0 == 0)
            #expect(encoding.ranges.last?.upperBound ?? 0 == text.utf8.count)
            for (left, right) in zip(encoding.ranges, encoding.ranges.dropFirst()) {
                #expect(left.upperBound == right.lowerBound)
            }
        }
        #expect(tokenizer.encode("hug<|endoftext|>", addSpecialTokens: false).last == 0)
    }

    @Test("The same texts give the same bytes in any order")
    func determinism() throws {
        let first = try trained(270)
        #expect(try trained(270).tokenizerJSON == first.tokenizerJSON)
        #expect(try trained(270, Self.texts.reversed()).tokenizerJSON == first.tokenizerJSON)
        #expect(try trained(275).tokenizerJSON != first.tokenizerJSON)
        #expect(first.vocabularySize == 270)
    }

    @Test("Without frequent pairs the vocabulary stays small")
    func exhaustion() throws {
        #expect(try trained(5_000, ["ab ab"]).vocabularySize == 2 + 256 + 1)
    }

    @Test("The written files give the same ids and the special tokens of the settings")
    func files() throws {
        let folder = try TestFolder()
        var settings = BytePairTrainer.Settings(vocabularySize: 280, specialTokens: ["<|endoftext|>", "<|pad|>"])
        settings.paddingToken = "<|pad|>"
        settings.maximumLength = 256
        settings.chatTemplate = "{{ \"a\\n\" }}\n"
        var trainer = try BytePairTrainer(settings)
        for text in Self.texts { trainer.add(text) }
        let trained = trainer.train()
        try trained.write(to: folder.path)
        let tokenizer = try Tokenizer(directory: folder.path)
        #expect(tokenizer.bosID == 0)
        #expect(tokenizer.eosID == 0)
        #expect(tokenizer.padID == 1)
        #expect(tokenizer.unkID == nil)
        #expect(tokenizer.maximumLength == 256)
        #expect(tokenizer.chatTemplate == settings.chatTemplate)
        let text = Self.texts.joined()
        #expect(try tokenizer.encode(text, addSpecialTokens: true)
            == trained.tokenizer().encode(text, addSpecialTokens: true))
    }

    // Run by scripts/compare-tokenizers, which then reads the files with the reference library.
    @Test(
        "A tokenizer trained on these sources is written for the comparison",
        .enabled(
            if: ProcessInfo.processInfo.environment["HONE_TOKENIZER_EXPORT"] != nil,
            "run by scripts/compare-tokenizers"))
    func export() throws {
        let directory = try #require(ProcessInfo.processInfo.environment["HONE_TOKENIZER_EXPORT"])
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        var trainer = try BytePairTrainer(.init(vocabularySize: 1_500, specialTokens: ["<|endoftext|>", "<|pad|>"]))
        for file in try FileManager.default.contentsOfDirectory(atPath: sources.path).sorted() {
            trainer.add(try String(contentsOf: sources.appendingPathComponent(file), encoding: .utf8))
        }
        let trained = trainer.train()
        #expect(trained.vocabularySize == 1_500)
        try trained.write(to: directory)
    }

    @Test("Settings that cannot work are refused")
    func settings() {
        #expect(throws: TokenizerError.self) { try BytePairTrainer(.init(vocabularySize: 256)) }
        #expect(throws: TokenizerError.self) {
            try BytePairTrainer(.init(vocabularySize: 300, specialTokens: ["<a>", "<a>"]))
        }
        #expect(throws: TokenizerError.self) { try BytePairTrainer(.init(vocabularySize: 300, specialTokens: ["x"])) }
        #expect(throws: TokenizerError.self) {
            var settings = BytePairTrainer.Settings(vocabularySize: 300)
            settings.endToken = "<missing>"
            return try BytePairTrainer(settings)
        }
    }

    @Test(
        "A megabyte on one line and repetitions that never end are encoded",
        arguments: [
            ("a", 1_000_000), ("the cat ", 1_000_000), (" ", 200_000), ("1", 50_000), ("\u{301}", 50_000),
            ("<|endoftext|", 50_000), ("\n ", 50_000),
        ])
    func longLines(unit: String, byteCount: Int) throws {
        let tokenizer = try trained(270).tokenizer()
        let text = String(repeating: unit, count: byteCount / unit.utf8.count)
        let ids = tokenizer.encode(text, addSpecialTokens: false)
        #expect(tokenizer.decode(ids, skipSpecialTokens: false).utf8.count == text.utf8.count)
    }
}
