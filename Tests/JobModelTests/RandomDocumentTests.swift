import SeededRandom
import Testing

@testable import JobModel

@Suite struct RandomDocumentTests {
    private static let pieces = [
        "name", "method", ":", ": ", "- ", "\n", "\n  ", "{", "}", "[", "]", ",", "&a", "& b", "*a", "!!str", "!", "|",
        ">",
        "\"", "'", "#", "---", "...", "<<", "?", "~", "null", "010", "1e5", "yes", "ti-dpo", "objective", "train", "\t",
        "\\u0026", "\u{FEFF}", "é", "\u{1F600}", "%YAML 1.1", "a&b", "x", "0", "&1", "&_",
    ]

    private static func document(_ random: inout SplitMix64) -> String {
        (0..<Int.random(in: 0...30, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
    }

    @Test(arguments: 1...8)
    func randomDocumentsAreRefusedOrRead(_ seed: Int) {
        var random = SplitMix64(UInt64(seed))
        for _ in 0..<2000 {
            let text = Self.document(&random)
            for format in [SpecFormat.yaml, .json] {
                do {
                    let spec = try JobSpec.decode(Array(text.utf8), format: format)
                    Issue.record("a random document became job \(spec.name): \(text)")
                } catch {
                    #expect(!error.diagnostics.isEmpty)
                }
            }
        }
    }

    /// Whatever passes the scan of the bytes has no anchor for the parser: an alias to it would be undefined.
    @Test func nothingThatPassesTheScanHasAnAnchor() {
        var random = SplitMix64(99)
        let names = ["a", "1", "_", "-", "ab"]
        for _ in 0..<5000 {
            let name = names.randomElement(using: &random) ?? "a"
            let text = "x: \(Self.document(&random)) &\(name) 1\ny: *\(name)\n"
            guard SourceText.firstAnchor(in: Array(text.utf8)) == nil else { continue }
            #expect(!refusal(of: text).isEmpty)
        }
    }
}
