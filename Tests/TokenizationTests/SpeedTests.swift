import Foundation
import Testing

@testable import Tokenization

/// Prints figures; asserts only results, never times.
@Suite("Speed figures", .serialized)
struct SpeedTests {
    private static let corpus = SharedData.directory + "/data/corpus.txt"

    // Takes seconds and needs the shared corpus; meant for release builds on a quiet machine.
    @Test(
        "Loading and encoding of the corpus",
        .enabled(
            if: ProcessInfo.processInfo.environment["HONE_TOKENIZER_SPEED"] != nil && SharedData.isPresent,
            "set HONE_TOKENIZER_SPEED (and HONE_SHARED) to measure"),
        arguments: ["gpt2", "qwen2.5", "stories260K", "tinystories-656k"])
    func encoding(name: String) throws {
        let clock = ContinuousClock()
        let text = try String(contentsOfFile: Self.corpus, encoding: .utf8)
        var loaded: Tokenizer?
        let loading = try clock.measure {
            loaded = try Tokenizer(directory: SharedData.tokenizerDirectory(name))
        }
        let tokenizer = try #require(loaded)
        var ids: [Int32] = []
        let whole = clock.measure { ids = tokenizer.encode(text, addSpecialTokens: false) }
        let documents = text.components(separatedBy: "\n\n")
        var count = 0
        let parts = clock.measure {
            for document in documents { count += tokenizer.encode(document, addSpecialTokens: false).count }
        }
        var decoded = ""
        let decoding = clock.measure { decoded = tokenizer.decode(ids, skipSpecialTokens: false) }
        #expect(decoded == text || name.contains("stories"))
        func rate(_ duration: Duration) -> String {
            String(format: "%.1f MB/s", Double(text.utf8.count) / 1e6 / (duration / .seconds(1)))
        }
        print(
            "\(name): load \(loading), one text \(rate(whole)), \(documents.count) documents \(rate(parts)), "
                + "decode \(rate(decoding)), \(ids.count) ids")
    }

    @Test(
        "Training on the corpus",
        .enabled(
            if: ProcessInfo.processInfo.environment["HONE_TOKENIZER_SPEED"] != nil && SharedData.isPresent,
            "set HONE_TOKENIZER_SPEED (and HONE_SHARED) to measure"))
    func training() throws {
        let text = try String(contentsOfFile: Self.corpus, encoding: .utf8)
        var trainer = try BytePairTrainer(.init(vocabularySize: 4_096))
        var size = 0
        let time = ContinuousClock().measure {
            trainer.add(text)
            size = trainer.train().vocabularySize
        }
        #expect(size == 4_096)
        print("training of 4096 tokens on \(text.utf8.count) bytes: \(time)")
    }
}
