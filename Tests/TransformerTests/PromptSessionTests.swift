import Compute
import TestSupport
import Testing
import Transformer

/// Embeddings in front of prompts, and one beginning that many questions share.
@Suite struct PromptSessionTests {
    private let team: ThreadTeam
    private let beginning = tinyTokens(9, seed: 1)
    private let questions = [tinyTokens(4, seed: 2), tinyTokens(1, seed: 3), tinyTokens(7, seed: 4)]

    init() throws { team = try ThreadTeam(threads: 2) }

    private func generate(_ model: LanguageModel, _ request: GenerationRequest) throws -> [[Int32]] {
        let arena = try Arena(byteCount: model.generationByteCount(request, team: team))
        return try model.generate(request, Pass(), Context(arena: arena, team: team, gradients: []))
    }

    /// Embedding rows of some tokens, end to end.
    private func embeddings(_ model: LanguageModel, _ ids: [Int32]) -> [Real] {
        let table = model.embedding.weight.value
        return ids.flatMap { id in (0..<table.columns).map { table[Int(id), $0] } }
    }

    private func session(
        _ model: LanguageModel, capacity: Int = 64, pieceLength: Int = 5
    ) throws -> (session: PromptSession, arena: Arena) {
        let bytes = PromptSession.byteCount(model, capacity: capacity, pieceLength: pieceLength, team: team)
        let arena = try Arena(byteCount: bytes)
        let context = Context(arena: arena, team: team, gradients: [])
        return (PromptSession(model, capacity: capacity, pieceLength: pieceLength, context), arena)
    }

    @Test(arguments: TinyModel.allCases) func embeddingsOfTokensAreTokens(_ kind: TinyModel) throws {
        let model = try kind.model(team: team)
        let soft = GenerationRequest(
            prompts: questions, after: questions.map { _ in embeddings(model, beginning) }, maximumNewTokens: 8)
        let plain = GenerationRequest(prompts: questions.map { beginning + $0 }, maximumNewTokens: 8)
        #expect(try generate(model, soft) == generate(model, plain))
        // Nothing but embeddings.
        let alone = GenerationRequest(prompts: [[]], after: [embeddings(model, beginning)], maximumNewTokens: 8)
        #expect(try generate(model, alone) == generate(model, GenerationRequest(prompts: [beginning], maximumNewTokens: 8)))
    }

    @Test func prefixedBatchEqualsSingle() throws {
        let model = try TinyModel.biased.model(team: team)
        let prefixes = [embeddings(model, beginning), [], embeddings(model, tinyTokens(3, seed: 8))]
        let sampling = SamplingSettings(temperature: 0.9, topK: 9, seed: 4)
        let batch = try generate(
            model, GenerationRequest(prompts: questions, after: prefixes, maximumNewTokens: 9, sampling: sampling))
        for index in questions.indices {
            let single = GenerationRequest(
                prompts: [questions[index]], after: [prefixes[index]], maximumNewTokens: 9, sampling: sampling,
                sequenceNames: [index])
            #expect(try generate(model, single) == [batch[index]])
        }
    }

    @Test(arguments: TinyModel.allCases, [1, 2, 5, 40])
    func oneBeginningForManyQuestions(_ kind: TinyModel, _ pieceLength: Int) throws {
        let model = try kind.model(team: team)
        let plain = GenerationRequest(prompts: questions.map { beginning + $0 }, maximumNewTokens: 8)
        let expected = try generate(model, plain)
        var (session, arena) = try session(model, pieceLength: pieceLength)
        try session.read(Array(beginning.prefix(4)))
        try session.read(Array(beginning.dropFirst(4)))
        let mark = session.mark()
        // Each question twice, in another order: what was asked before leaves no trace.
        for index in [0, 2, 1, 1, 0, 2] {
            session.rewind(to: mark)
            try session.read(questions[index])
            #expect(try session.write(maximumNewTokens: 8) == expected[index])
        }
        session.rewind(to: mark)
        let unasked = GenerationRequest(prompts: [beginning], maximumNewTokens: 8)
        #expect(try session.write(maximumNewTokens: 8) == generate(model, unasked)[0])
        withExtendedLifetime(arena) {}
    }

    @Test func embeddingsThenTokens() throws {
        let model = try TinyModel.headNorms.model(team: team)
        var (session, arena) = try session(model)
        let rows = embeddings(model, beginning)
        try rows.withUnsafeBufferPointer { buffer in
            let base = UnsafeMutablePointer(mutating: try #require(buffer.baseAddress))
            try session.read(embeddings: Matrix(base: base, rows: beginning.count, columns: 16))
        }
        try session.read(questions[0])
        var seen: [Int32] = []
        let sampling = SamplingSettings(temperature: 0.8, topP: 0.9, seed: 3)
        let written = try session.write(maximumNewTokens: 7, sampling: sampling, name: 5) { seen.append($0) }
        let request = GenerationRequest(
            prompts: [beginning + questions[0]], maximumNewTokens: 7, sampling: sampling, sequenceNames: [5])
        #expect(try [written] == generate(model, request))
        #expect(seen == written)
        withExtendedLifetime(arena) {}
    }

    @Test func limitsAndStops() throws {
        let model = try TinyModel.tied.model(team: team)
        var (session, arena) = try session(model, capacity: 12)
        #expect(throws: ModelError.emptyPrompt) { try session.write(maximumNewTokens: 1) }
        try session.read(beginning)
        let mark = session.mark()
        #expect(throws: ModelError.tokenOutOfRange(token: 23, vocabularySize: 23)) { try session.read([23]) }
        #expect(throws: ModelError.positionOutOfRange(position: 12, limit: 12)) {
            try session.read(tinyTokens(4, seed: 5))
        }
        let free = try session.write(maximumNewTokens: 50)
        #expect(free.count == 3)
        session.rewind(to: mark)
        let end = try #require(free.firstIndex(of: free[1]))
        #expect(try session.write(maximumNewTokens: 50, stopTokens: [free[1]]) == Array(free[...end]))
        session.rewind(to: mark)
        #expect(try session.write(maximumNewTokens: 0).isEmpty)
        withExtendedLifetime(arena) {}
    }

    @Test func repetitionPenaltyForbidsWhatWasWritten() throws {
        let model = try TinyModel.untied.model(team: team)
        let free = try generate(model, GenerationRequest(prompts: [beginning], maximumNewTokens: 14))[0]
        let heavy = SamplingSettings(temperature: 0, repetitionPenalty: 1e6)
        let request = GenerationRequest(prompts: [beginning], maximumNewTokens: 14, sampling: heavy)
        let penalized = try generate(model, request)[0]
        #expect(penalized[0] == free[0])
        #expect(Set(penalized).count > Set(free).count || Set(free).count == free.count)
        var (session, arena) = try session(model)
        try session.read(beginning)
        #expect(try session.write(maximumNewTokens: 14, sampling: heavy) == penalized)
        withExtendedLifetime(arena) {}
    }
}
