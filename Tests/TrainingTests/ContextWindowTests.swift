import Datasets
import DurableFiles
import TestFolders
import Testing

@testable import Training

@Suite struct ContextWindowTests {
    /// Few windows, tokenized for each, and many, kept from the first look: end to end they are the text's tokens.
    @Test(arguments: [("short", 20), ("long", 200)])
    func windowsAreTheTextEndToEnd(name: String, length: Int) throws {
        let scratch = try TestFolder()
        let path = scratch.path + "/\(name).jsonl"
        let texts = [0, 1].map { row in Self.text(length, from: row) }
        try durableWrite(texts.map { "{\"text\":\"\($0)\"}\n" }.joined(), to: path)
        let windows = try ContextWindows(Dataset(path), Self.codec, maximumLength: 7, minimumLength: 1) {}
        let found = try (0..<windows.count).map { (windows.row(of: $0), try windows.context($0)) }
        for (row, text) in texts.enumerated() {
            #expect(found.filter { $0.0 == row }.flatMap(\.1) == Self.ids(text))
        }
        #expect(found.allSatisfy { $0.1.count <= 7 } && windows.longest == 7)
    }

    /// Rows of 20, 7, 2, 16 and 9 tokens: what makes no context and what is left out at an end is counted.
    @Test func whatBecameOfRowsIsCounted() throws {
        let scratch = try TestFolder()
        let texts = [20, 7, 2, 16, 9].map { "{\"text\":\"\(Self.text($0, from: 0))\"}\n" }
        let path = try scratch.write("texts.jsonl", texts.joined())
        let windows = try ContextWindows(Dataset(path), Self.codec, maximumLength: 7, minimumLength: 3) {}
        #expect(
            windows.report.lines == [
                "examples kept: 7; lengths of contexts mean 6, longest 7 (≤8: 7)",
                "rows cut into several contexts of at most 7 tokens: 2",
                "ends of rows left out, fewer than 3 tokens: 2", "rows left out, fewer than 3 tokens: 1",
            ])
        #expect(windows.count == 7)
    }

    @Test func cutContextsOfQuestionsAreCounted() throws {
        let scratch = try TestFolder()
        let texts = [5, 3, 12].map {
            "{\"text\":\"\(Self.text($0, from: 0))\",\"prompt\":\"who\",\"completion\":\"me\"}\n"
        }
        let path = try scratch.write("questions.jsonl", texts.joined())
        func lines(_ length: Int) throws -> [String] {
            try QuestionRows(
                Dataset(path), Self.codec, maximumLength: length, template: "{prompt}?", positions: (64, { $0 })
            ) {}.report.lines
        }
        #expect(
            try lines(5) == [
                "examples kept: 3; lengths of contexts mean 4, longest 5 (≤4: 1, ≤8: 2)",
                "rows with a context cut to 5 tokens: 1",
            ])
        #expect(try lines(.max) == ["examples kept: 3; lengths of contexts mean 6, longest 12 (≤4: 1, ≤8: 1, ≤16: 1)"])
    }

    private static func text(_ length: Int, from row: Int) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz")
        return String((0..<length).map { letters[($0 * 7 + row) % letters.count] })
    }

    private static func ids(_ text: String) -> [Int32] { text.utf8.map { Int32($0) } }

    /// A token for every byte.
    private static var codec: TextCodec {
        TextCodec(
            beginningOfSequence: nil, endOfSequence: nil, digest: "bytes", encode: { text, _ in ids(text) },
            encodeWithRanges: { text in (ids(text), (0..<text.utf8.count).map { $0..<$0 + 1 }) },
            decode: { "\($0)" })
    }
}
