import Testing

@testable import Tokenization

/// Work is counted, not timed: it may not grow faster than the text, whatever the text is.
@Suite("Work of hostile texts")
struct LinearWorkTests {
    private static let lengths = [1_000, 10_000, 100_000]

    /// How often the pattern looked at a character of `unit`, repeated to `length` characters.
    private func steps(_ pattern: Pattern, _ unit: String, _ length: Int, _ view: Pattern.View) -> Int {
        let text = Array(String(repeating: unit, count: length / unit.unicodeScalars.count).utf8)
        var notes: [UInt16] = []
        var matches: [Range<Int>] = []
        return text.withUnsafeBufferPointer {
            pattern.appendMatches(in: $0, 0..<$0.count, as: view, notes: &notes, to: &matches)
        }
    }

    @Test(
        "Patterns look at every character twice: once from behind, once from the front",
        arguments: [
            #"(?:a|aa)+b"#, #"(?:a+)+b"#, #"(?:a|a)+c|\s+y"#, #"\s+$x"#, #"a{1,200}a{1,200}b"#, #"\s+(?!\S)|\s+"#,
            PreTokenizer.gpt2Pattern,
        ],
        ["a", " ", "\n", "é", "'", "a ", "\u{301}"])
    func patterns(source: String, unit: String) throws {
        let pattern = try Pattern(source)
        for length in Self.lengths {
            let count = length / unit.unicodeScalars.count * unit.unicodeScalars.count
            #expect(steps(pattern, unit, length, .text) == 2 * count)
            let bytes = length / unit.unicodeScalars.count * unit.utf8.count
            #expect(steps(pattern, unit, length, .byteLevel) == 2 * bytes)
        }
    }

    @Test(
        "A piece without end offers at most three merges for each character",
        arguments: [
            // Every length of a run is a token; every pair merges at first.
            (["a a", "aa a", "aa aa", "aaa aa", "aaaa aaaa"], "a"),
            (["a b", "ab a", "ba b", "b a", "ab ab", "ba ba"], "ab"),
        ])
    func merges(merges: [String], unit: String) throws {
        var tokens = ["a", "b"]
        for merge in merges {
            let token = merge.split(separator: " ").joined()
            for token in [String(merge.prefix { $0 != " " }), String(merge.drop { $0 != " " }.dropFirst()), token]
            where !tokens.contains(token) { tokens.append(token) }
        }
        let vocabulary = tokens.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",")
        let list = merges.map { "\"\($0)\"" }.joined(separator: ",")
        let model = try TinyTokenizers.tokenizer(
            TinyTokenizers.json(model: #"{"type":"BPE","vocab":{\#(vocabulary)},"merges":[\#(list)]}"#)
        ).model
        for length in Self.lengths {
            var scratch = MergeScratch()
            var found: [PieceToken] = []
            let text = Array(String(repeating: unit, count: length / unit.count).utf8)
            text.withUnsafeBufferPointer { model.encode($0, &scratch, to: &found) }
            #expect(found.count < length)
            #expect(scratch.queue.insertionCount > 0)
            #expect(scratch.queue.insertionCount <= 3 * length)
        }
    }
}
