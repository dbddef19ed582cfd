import DurableFiles
import Foundation
import JobModel
import Testing

/// A compressor as people use it: trained by the daemon, then `hone compress` and `hone ask`.
@Suite("Compressed texts")
struct CompressedTextTests {
    private let shop: Workshop

    init() throws {
        shop = try Workshop()
        try shop.write("Mia has a cake. Ben gets the cake too.", to: "a.txt")
        try shop.write(" Tom has a kite.", to: "b.txt")
        try shop.write("Mia has a cake. Ben gets the cake too. Tom has a kite.", to: "ab.txt")
        try shop.write("", to: "empty.txt")
        try shop.write(String(repeating: "Mia has a cake. ", count: 60), to: "endless.txt")
        try shop.drop(SmallJob.pretrain(), as: "lm.yaml")
        for (name, seed) in [("first", 1), ("second", 2)] { try drop(compressor: name, seed: seed) }
    }

    private func drop(compressor name: String, seed: Int, segment: String = "{}") throws {
        try shop.drop(
            """
            name: \(name)
            method: gmsa-autoencoder
            model: {job: lm}
            dataset: {train: text.txt, max_length: 16}
            objective:
              encoder: {layers: 1, lora_rank: 4, lora_alpha: 4}
              rates: {train: [2, 4]}
              segment: \(segment)
            train: {steps: 2, microbatch: 2, learning_rate: 1e-3, seed: \(seed)}
            """, as: "\(name).yaml")
    }

    private func artifacts(_ name: String) -> String { "\(shop.root)/\(shop.run(name))/artifacts" }

    private func hone(_ arguments: [String]) async throws -> RunningProgram {
        try await run(Programs.command, arguments)
    }

    private func compress(
        _ input: String, into output: String, by compressor: String = "first", _ more: [String] = []
    ) async throws -> RunningProgram {
        try await hone(
            ["compress", "--model", artifacts(compressor), "--input", "\(shop.root)/\(input)", "--output",
                "\(shop.root)/\(output)"] + more)
    }

    /// Segments of training are those of use, unless others are asked for; that they do not overlap is said.
    @Test func textsAreCutAsInTraining() async throws {
        try drop(compressor: "cut", seed: 1, segment: "{tokens: 8, overlap: 2}")
        let (status, log) = try await shop.settle()
        #expect(status == 0, "\(log)")
        func made(_ options: [String]) async throws -> (Statistics, notes: String) {
            let made = try await compress("endless.txt", into: "cut.gmsa.safetensors", by: "cut", ["--json"] + options)
            #expect(made.process.terminationStatus == 0, "\(made.standardError)")
            return (
                try JSONCoding.decode(Statistics.self, from: Array(made.standardOutput.utf8)), made.standardError
            )
        }
        let (trained, notes) = try await made([])
        #expect(trained.segmentTokens == 8 && notes.contains("overlapped by 2 tokens"), "\(notes)")
        let (whole, rest) = trained.tokens.quotientAndRemainder(dividingBy: 8)
        #expect(trained.softTokens == 4 * whole + (rest + 1) / 2)
        #expect(try await made(["--segment", "20"]).0.segmentTokens == 20)
    }

    @Test func compressOnceAskMany() async throws {
        let (status, log) = try await shop.settle()
        #expect(status == 0, "\(log)")
        let made = try await compress("a.txt", into: "a.gmsa.safetensors", ["--json"])
        #expect(made.process.terminationStatus == 0, "\(made.standardError)")
        let statistics = try JSONCoding.decode(Statistics.self, from: Array(made.standardOutput.utf8))
        #expect(statistics.rate == 2 && statistics.softTokens == (statistics.tokens + 1) / 2)

        let ask = ["ask", "--model", artifacts("first"), "--context", "\(shop.root)/a.gmsa.safetensors", "--max-new", "6", "--json"]
        let questions = ["Who has a cake?", "Who?", "Who has a cake?"]
        let answered = try await hone(ask + questions.flatMap { ["--question", $0] })
        let answers = try self.answers(answered)
        #expect(answers.map(\.question) == questions)
        #expect(answers[0].ids == answers[2].ids)
        let alone = try self.answers(try await hone(ask + ["--question", questions[1]]))
        #expect(alone.map(\.ids) == [answers[1].ids])
        // Lines of standard input are questions too.
        let lines = "printf 'Who?\\n\\nWho has a cake?\\n' | \"$0\" \"$@\""
        let asked = try self.answers(try await run("/bin/sh", ["-c", lines, Programs.command] + ask))
        #expect(asked.map(\.ids) == [answers[1].ids, answers[0].ids])
        let restated = try await hone(ask + ["--restate"])
        #expect(restated.process.terminationStatus == 0, "\(restated.standardError)")
        let plain = try await hone(
            ["ask", "--model", artifacts("first"), "--plain", "\(shop.root)/a.txt", "--question", "Who?"])
        #expect(plain.process.terminationStatus == 0, "\(plain.standardError)")
    }

    @Test func severalContextsAreReadInTurn() async throws {
        let (status, log) = try await shop.settle()
        #expect(status == 0, "\(log)")
        var positions = 0
        for name in ["a", "b"] {
            let made = try await compress("\(name).txt", into: "\(name).gmsa.safetensors", ["--json", "--rate", "4"])
            positions += try JSONCoding.decode(Statistics.self, from: Array(made.standardOutput.utf8)).softTokens
        }
        func ask(_ contexts: [String]) async throws -> Answer {
            let files = contexts.flatMap { ["--context", "\(shop.root)/\($0).gmsa.safetensors"] }
            let program = try await hone(
                ["ask", "--model", artifacts("first"), "--question", "Who?", "--max-new", "6", "--json"] + files)
            return try #require(try answers(program).first)
        }
        let both = try await ask(["a", "b"])
        #expect(both.contextPositions == positions)
        #expect(try await ask(["b", "a"]).contextPositions == positions)
        #expect(try await ask(["a", "b"]).ids == both.ids)
    }

    private struct Statistics: Decodable {
        let tokens, softTokens, rate, segmentTokens: Int
    }

    private struct Answer: Decodable {
        let ids: [Int]
        let question: String
        let contextPositions: Int
    }

    /// What `hone ask --json` printed.
    private func answers(_ program: RunningProgram) throws -> [Answer] {
        #expect(program.process.terminationStatus == 0, "\(program.standardError)")
        return try program.standardOutput.split(separator: "\n").map {
            try JSONCoding.decode(Answer.self, from: Array($0.utf8))
        }
    }

    @Test func wrongInputIsRefused() async throws {
        let (status, log) = try await shop.settle()
        #expect(status == 0, "\(log)")
        let file = "\(shop.root)/a.gmsa.safetensors"
        let made = try await compress("a.txt", into: "a.gmsa.safetensors", ["--append"])
        #expect(made.process.terminationStatus == 0, "\(made.standardError)")
        let more = try await compress("b.txt", into: "a.gmsa.safetensors", ["--append"])
        #expect(more.process.terminationStatus == 0, "\(more.standardError)")

        for (input, options, code, word) in [
            ("empty.txt", [], 1, "no tokens"), ("endless.txt", [], 1, "--segment"), ("a.txt", ["--rate", "0"], 2, "--rate"),
            ("none.txt", [], 1, "none.txt"),
        ] as [(String, [String], Int32, String)] {
            let refused = try await compress(input, into: "refused.gmsa.safetensors", options)
            #expect(refused.process.terminationStatus == code, "\(input): \(refused.standardError)")
            #expect(refused.standardError.contains(word), "\(input): \(refused.standardError)")
        }
        #expect(!shop.exists("refused.gmsa.safetensors"))
        let cut = try await compress("endless.txt", into: "long.gmsa.safetensors", ["--segment", "64", "--rate", "4"])
        #expect(cut.process.terminationStatus == 0, "\(cut.standardError)")

        func refusal(_ compressor: String) async throws -> String {
            let asked = try await hone(["ask", "--model", artifacts(compressor), "--context", file, "--question", "Who?"])
            #expect(asked.process.terminationStatus == 1)
            return asked.standardError
        }
        #expect(try await refusal("second").contains("another compressor"))
        let bytes = try readFile(file)
        var damaged = bytes
        damaged[bytes.count - 9] ^= 1
        try durableWrite(damaged, to: file)
        #expect(try await refusal("first").contains("damaged"))
        try durableWrite(Array(bytes.dropLast(40)), to: file)
        #expect(try await refusal("first").contains("a.gmsa.safetensors"))
    }
}
