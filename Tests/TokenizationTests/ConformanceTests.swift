import Foundation
import Testing

@testable import Tokenization

/// Real tokenizers against ids that the reference library produced.
@Suite("Conformance with real tokenizers")
struct ConformanceTests {
    // The data lies beside the repository, not in it: without it these tests have nothing to compare with.
    @Test(
        "Every row of the conformance file has its ids",
        .enabled(if: SharedData.isPresent, "no shared data (set HONE_SHARED)"),
        arguments: ["gpt2", "qwen2.5", "stories260K", "tinystories-656k"])
    func conformance(name: String) throws {
        let tokenizer = try Tokenizer(directory: SharedData.tokenizerDirectory(name))
        let rows = try SharedData.rows(SharedData.conformanceFile).filter { $0["tokenizer"] as? String == name }
        #expect(!rows.isEmpty)
        for row in rows {
            let text = try #require(row["text"] as? String)
            let special = row["add_special_tokens"] as? Bool ?? false
            let expected = SharedData.ids(row["ids"])
            let encoding = tokenizer.encodeWithRanges(text, addSpecialTokens: special)
            #expect(tokenizer.encode(text, addSpecialTokens: special) == expected, "\(text.debugDescription)")
            #expect(encoding.ids == expected, "with ranges: \(text.debugDescription)")
            checkRanges(encoding, text)
        }
    }

    /// The ranges go forward through the text and stay inside it.
    private func checkRanges(_ encoding: Encoding, _ text: String) {
        var last = 0
        for range in encoding.ranges {
            #expect(range.lowerBound >= last && range.upperBound <= text.utf8.count, "\(text.debugDescription)")
            last = range.lowerBound
        }
    }

    // Written by scripts/compare-tokenizers, which sets the variable and runs this test.
    @Test(
        "Every line of a comparison file has its ids and decoded text",
        .enabled(
            if: ProcessInfo.processInfo.environment["HONE_TOKENIZER_LINES"] != nil,
            "run by scripts/compare-tokenizers"))
    func comparison() throws {
        let path = try #require(ProcessInfo.processInfo.environment["HONE_TOKENIZER_LINES"])
        var tokenizers: [String: Tokenizer] = [:]
        var mismatches: [String: Int] = [:]
        let handle = try #require(FileHandle(forReadingAtPath: path))
        defer { try? handle.close() }
        let lines = try #require(try handle.readToEnd()).split(separator: UInt8(ascii: "\n"))
        for line in lines {
            let row = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any] ?? [:]
            let directory = try #require(row["tokenizer"] as? String)
            let text = try #require(row["text"] as? String)
            if tokenizers[directory] == nil { tokenizers[directory] = try Tokenizer(directory: directory) }
            let tokenizer = try #require(tokenizers[directory])
            let ids = SharedData.ids(row["ids"])
            let found = tokenizer.encode(text, addSpecialTokens: true)
            let decoded = tokenizer.decode(ids, skipSpecialTokens: false)
            let isEqual = found == ids && Array(decoded.utf8) == Array((row["decoded"] as? String ?? "").utf8)
            if !isEqual {
                mismatches[directory, default: 0] += 1
                if mismatches[directory, default: 0] <= 5 {
                    let place = "\(directory): \(text.debugDescription)"
                    Issue.record("\(place): ids \(found), expected \(ids); text \(decoded.debugDescription)")
                }
            }
        }
        print("compared \(lines.count) lines, mismatches: \(mismatches.sorted { $0.key < $1.key })")
        #expect(mismatches.isEmpty)
    }
}
