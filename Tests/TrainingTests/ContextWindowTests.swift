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
