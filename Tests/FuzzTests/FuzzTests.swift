import Foundation
import JobModel
import SeededRandom
import Testing

@testable import Datasets
@testable import Safetensors
@testable import Tokenization

/// Hostile and broken input for everything that reads what others wrote. HONE_FUZZ=N asks for N texts for each reader
/// instead of a few hundred, HONE_FUZZ_SEED for others.
@Suite("Fuzz")
struct FuzzTests {
    static let count = Int(ProcessInfo.processInfo.environment["HONE_FUZZ"] ?? "") ?? 400
    static let seed = UInt64(ProcessInfo.processInfo.environment["HONE_FUZZ_SEED"] ?? "") ?? 1

    /// Runs `body` on `count` texts, which must return or throw; says how many were taken.
    func fuzz(
        _ name: String, _ seeds: [String], words: [String] = [], _ body: (inout TextMutator, [UInt8]) throws -> Void
    ) {
        fuzz(name, bytes: seeds.map { Array($0.utf8) }, words: words, body)
    }

    /// The same for files that are no text.
    func fuzz(
        _ name: String, bytes seeds: [[UInt8]], words: [String] = [],
        _ body: (inout TextMutator, [UInt8]) throws -> Void
    ) {
        var mutator = TextMutator(seed: Self.seed, seeds, words: words)
        var taken = 0
        for _ in 0..<Self.count {
            let text = mutator.next()
            do {
                try body(&mutator, text)
                taken += 1
            } catch {
                // Refused: as good as taken.
            }
        }
        print("fuzz: \(name): \(Self.count) texts, \(taken) taken, seed \(Self.seed)")
        #expect(taken > 0 && taken < Self.count, "\(name): a generator that only makes good or only bad texts shows nothing")
    }

    @Test func specifications() {
        fuzz("job.yaml", Seeds.specifications, words: Seeds.specificationWords) { mutator, text in
            let format: SpecFormat = mutator.below(4) == 0 ? .json : .yaml
            let spec = try JobSpec.decode(text, format: format)
            let canonical = spec.canonicalJSON()
            let again = try JobSpec.decode(canonical, format: .json)
            #expect(again == spec && again.canonicalJSON() == canonical, "\(String(decoding: text, as: UTF8.self))")
        }
    }

    @Test func safetensorsHeaders() {
        fuzz("safetensors header", Seeds.headers, words: ["\"F32\"", "\"BF16\"", "\"data_offsets\"", "\"shape\"", "\"dtype\""]) {
            mutator, text in
            let size = [0, 64, 96, 1 << 40][mutator.below(4)]
            let header = try text.withUnsafeBytes { try Header($0, dataSize: size, file: "fuzz") }
            var end = 0
            for tensor in header.tensors {
                let elements = tensor.shape.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
                #expect(tensor.bytes.lowerBound == end && tensor.bytes.upperBound <= size && tensor.shape.allSatisfy { $0 >= 0 })
                #expect(elements * tensor.dataType.byteWidth == tensor.bytes.count)
                end = tensor.bytes.upperBound
            }
        }
    }

    @Test func rows() {
        fuzz("JSON rows", Seeds.rows, words: ["\"prompt\"", "\"chosen\"", "\"messages\"", "\"role\""]) { _, text in
            for line in text.split(separator: 10) { _ = try Record(jsonObject: line) }
        }
    }

    @Test func workerLines() {
        fuzz("worker lines", Seeds.workerLines, words: ["\"step\"", "\"type\"", "\"beat\"", "\"mono_ms\""]) { mutator, text in
            var whole = LineReader<WorkerEvent>()
            let expected = whole.receive(text)
            var pieces = LineReader<WorkerEvent>()
            var received: [ReceivedLine<WorkerEvent>] = []
            var place = 0
            while place < text.count {
                let next = min(text.count, place + 1 + mutator.below(200))
                received += pieces.receive(text[place..<next])
                place = next
            }
            #expect(received == expected, "lines depend on how they arrive: \(String(decoding: text, as: UTF8.self))")
            for case .malformed(let reason) in received { throw Refused(reason: reason) }
        }
    }

    @Test func tokenizers() {
        fuzz("tokenizer.json", Seeds.tokenizers, words: ["\"type\"", "\"BPE\"", "\"merges\"", "\"Regex\"", "(a+)+$", "\\\\p{L}+", "\"id\""]) {
            _, text in
            let tokenizer = try Tokenizer(contents: text, named: "fuzz")
            let ids = tokenizer.encode("aaaaaaaaaaaaaaaaaaaaaaaaaaaab <s> hello  é1", addSpecialTokens: true)
            _ = tokenizer.decode(ids, skipSpecialTokens: false)
        }
    }

    struct Refused: Error { let reason: String }
}
