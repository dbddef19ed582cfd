import Compute
import TestSupport
import Testing
import Transformer

/// Cached decoding against whole passes, and batches against single sequences.
@Suite struct GenerationTests {
    private let team: ThreadTeam
    private let prompts = [tinyTokens(5, seed: 1), tinyTokens(1, seed: 2), tinyTokens(9, seed: 3)]

    init() throws { team = try ThreadTeam(threads: 2) }

    private func generate(_ model: LanguageModel, _ request: GenerationRequest) throws -> [[Int32]] {
        let bytes = try model.generationByteCount(request, team: team)
        let arena = try Arena(byteCount: bytes)
        let responses = try model.generate(request, Pass(), Context(arena: arena, team: team, gradients: []))
        #expect(arena.used == 0)
        return responses
    }

    /// Greedy tokens by a whole pass for every token.
    private func slowly(_ model: LanguageModel, _ prompt: [Int32], _ count: Int) throws -> [Int32] {
        var ids = prompt
        for _ in 0..<count {
            let run = try ModelRun(model, sequences: [ids], recording: .none, team: team)
            run.forwardHidden()
            let logits = try run.logits(rows: ids.count - 1..<ids.count)
            ids.append(Int32(try #require(logits.firstIndex(of: logits.max() ?? 0))))
        }
        return Array(ids.dropFirst(prompt.count))
    }

    @Test(arguments: TinyModel.allCases) func cacheEqualsWholePasses(_ kind: TinyModel) throws {
        let model = try kind.model(team: team)
        let responses = try generate(model, GenerationRequest(prompts: prompts, maximumNewTokens: 8))
        #expect(try responses == prompts.map { try slowly(model, $0, 8) })
    }

    @Test(arguments: [SamplingSettings.greedy, SamplingSettings(temperature: 0.9, topK: 9, topP: 0.8, seed: 4)])
    func batchEqualsSingle(_ sampling: SamplingSettings) throws {
        let model = try TinyModel.windowed.model(team: team)
        let batch = try generate(model, GenerationRequest(prompts: prompts, maximumNewTokens: 10, sampling: sampling))
        for (number, prompt) in prompts.enumerated() {
            let single = GenerationRequest(
                prompts: [prompt], maximumNewTokens: 10, sampling: sampling, sequenceNames: [number])
            #expect(try generate(model, single) == [batch[number]])
        }
    }

    @Test func limitsAndStops() throws {
        let model = try TinyModel.tied.model(team: team)
        var request = GenerationRequest(prompts: prompts, maximumNewTokens: 6)
        let free = try generate(model, request)
        request.maximumNewTokens = [0, 2, 6]
        request.stopTokens = [free[2][3]]
        let stop = try #require(free[2].firstIndex(of: free[2][3]))
        let limited = try generate(model, request)
        #expect(limited[0].isEmpty)
        #expect(limited[1] == Array(free[1].prefix(2)).cut(after: free[2][3]))
        #expect(limited[2] == Array(free[2][...stop]))
        // The context holds 64 positions.
        let long = GenerationRequest(prompts: [tinyTokens(60, seed: 4)], maximumNewTokens: 50)
        #expect(try generate(model, long)[0].count == 4)
    }

    @Test func everyTokenIsReportedAsItComes() throws {
        let model = try TinyModel.tied.model(team: team)
        let request = GenerationRequest(prompts: prompts, maximumNewTokens: 5)
        let arena = try Arena(byteCount: model.generationByteCount(request, team: team))
        var seen = [[Int32]](repeating: [], count: prompts.count)
        let responses = try model.generate(request, Pass(), Context(arena: arena, team: team, gradients: [])) {
            seen[$0].append($1)
        }
        #expect(seen == responses)
    }

    @Test func badRequestsAreErrors() throws {
        let model = try TinyModel.tied.model(team: team)
        #expect(throws: ModelError.emptyPrompt) {
            try generate(model, GenerationRequest(prompts: [[3], []], maximumNewTokens: 1))
        }
        #expect(throws: ModelError.tokenOutOfRange(token: 23, vocabularySize: 23)) {
            try generate(model, GenerationRequest(prompts: [[23]], maximumNewTokens: 1))
        }
        #expect(throws: ModelError.positionOutOfRange(position: 64, limit: 64)) {
            try generate(model, GenerationRequest(prompts: [tinyTokens(65, seed: 1)], maximumNewTokens: 1))
        }
    }
}

extension [Int32] {
    /// The tokens up to the first `stop`, itself included.
    fileprivate func cut(after stop: Int32) -> [Int32] {
        firstIndex(of: stop).map { Array(self[...$0]) } ?? self
    }
}
