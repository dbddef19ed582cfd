import Compute
import TestSupport
import Testing
import Transformer

/// Central differences in Double for the whole model and through it for every layer: each parameter of each kind of
/// model, the embeddings, adapters, divergences, shared prompts, recomputation.
@Suite(.enabled(if: isDoublePrecision, "central differences need --traits DoublePrecision"))
struct ModelGradientTests {
    let team: ThreadTeam

    init() throws { team = try ThreadTeam(threads: 2) }

    /// Two trees: a shared prompt with two branches, and a plain sequence.
    private func sharedRun(
        _ model: LanguageModel, recording: DecoderStack.Recording = .full, readsTargets: Bool = false,
        request: HeadRequest = [], pass: Pass = Pass()
    ) throws -> ModelRun {
        let layout = SequenceLayout.sharedPrompt([(prompt: 4, branches: [3, 2]), (prompt: 5, branches: [])])
        let ids = tinyTokens(layout.tokenCount, seed: 7)
        // Row 3 predicts the first token of both branches.
        let rows: [Int32] = [3, 4, 5, 3, 7, 9, 10, 11, 12]
        let targets: [Int32] = [4, 5, 6, 7, 8] + ids[10...13].map { $0 }
        return try ModelRun(
            model, ids, layout, HeadTargets(rows: rows, ids: targets), recording: recording,
            reading: readsTargets ? rows : nil, request: request, pass: pass, team: team)
    }

    /// A loss with a different weight on every target.
    private func loss(_ run: ModelRun) -> Double {
        run.forward()
        return run.logProbabilities.enumerated().reduce(0) { $0 + Self.weight($1.offset) * $1.element }
    }

    private static func weight(_ index: Int) -> Double { 0.7 * Double(index % 3) - 0.4 }

    private func gradients(_ run: ModelRun) -> Matrix {
        run.model.parameters?.zeroGradients(team)
        _ = loss(run)
        for index in 0..<run.targets.count { run.gradient[index, 0] = Real(Self.weight(index)) }
        return run.backward()
    }

    @Test(arguments: TinyModel.allCases, [DecoderStack.Recording.full, .blockInputs])
    func everyParameter(_ kind: TinyModel, _ recording: DecoderStack.Recording) throws {
        try expectGradientsOfEveryParameter(kind, recording, readsTargets: false)
    }

    /// The last block computes nothing but keys and values of the rows that predict no target.
    @Test(arguments: TinyModel.allCases, [DecoderStack.Recording.full, .blockInputs])
    func everyParameterWithRowsLeftOut(_ kind: TinyModel, _ recording: DecoderStack.Recording) throws {
        try expectGradientsOfEveryParameter(kind, recording, readsTargets: true)
    }

    private func expectGradientsOfEveryParameter(
        _ kind: TinyModel, _ recording: DecoderStack.Recording, readsTargets: Bool
    ) throws {
        let model = try kind.model(headChunkRows: 4, team: team)
        let run = try sharedRun(model, recording: recording, readsTargets: readsTargets)
        #expect((run.activations.stack.selection != nil) == readsTargets)
        _ = gradients(run)
        let store = try #require(model.parameters)
        for entry in store.entries {
            let parameter = store.parameter(entry)
            let gradient = try #require(parameter.gradient)
            let problem = gradientMismatch(parameter.value, gradient: gradient, every: 5, entry.name) { loss(run) }
            #expect(problem == nil)
        }
    }

    @Test(arguments: TinyModel.allCases) func embeddings(_ kind: TinyModel) throws {
        let model = try kind.model(team: team)
        let run = try sharedRun(model)
        let computed = gradients(run)
        let kept = try Arena(byteCount: 1 << 16).retainedMatrix(computed.rows, computed.columns)
        kept.matrix.copy(from: computed)
        // Differences are taken on a copy of the looked-up rows, put in place of the lookup.
        let input = try Arena(byteCount: 1 << 16).retainedMatrix(computed.rows, computed.columns)
        input.matrix.copy(from: run.activations.stack.input)
        let problem = gradientMismatch(input.matrix, gradient: kept.matrix, every: 3, "embeddings") {
            run.activations.stack.input.copy(from: input.matrix)
            model.forward(run.layout, run.activations, run.pass, run.context)
            model.head.score(run.activations.hidden, run.targets, into: run.scores, run.scratch, run.context)
            return run.logProbabilities.enumerated().reduce(0) { $0 + Self.weight($1.offset) * $1.element }
        }
        #expect(problem == nil)
    }

    @Test(arguments: TinyModel.allCases, [0, 0.4])
    func adapters(_ kind: TinyModel, _ dropout: Double) throws {
        let settings = AdapterSettings(
            rank: 3, alpha: 5, dropout: dropout,
            targets: .named(["q_proj", "v_proj", "o_proj", "up_proj"]), isRankStabilized: true,
            rankPattern: ["v_proj": 2], modulesToSave: ["embed_tokens", "lm_head", "model.norm", "down_proj"])
        let model = try kind.model(
            trained: .none, adapters: .fresh(settings, seed: 3), team: team)
        let store = try #require(model.parameters)
        let stream = RandomStream(seed: 5, stream: 5)
        for index in 0..<store.count { store.values[0, index] += Real(0.2 * stream.normal(UInt64(index))) }
        let run = try sharedRun(model, pass: Pass(dropout: RandomStream(seed: 11, stream: 12)))
        _ = gradients(run)
        for entry in store.entries {
            let parameter = store.parameter(entry)
            let gradient = try #require(parameter.gradient)
            // A smaller step than usual: whole modules and adapters together bend the loss more.
            let problem = gradientMismatch(parameter.value, gradient: gradient, every: 4, step: 2e-6, entry.name) {
                loss(run)
            }
            #expect(problem == nil)
        }
    }

    @Test(arguments: [
        HeadRequest.divergence, .reverseDivergence, [.divergence, .reverseDivergence],
    ])
    func divergences(_ request: HeadRequest) throws {
        let model = try TinyModel.untied.model(headChunkRows: 4, team: team)
        let other = try TinyModel.untied.model(seed: 2, team: team)
        let run = try sharedRun(model, request: request)
        let reference = try sharedRun(other, recording: .none)
        reference.forwardHidden()
        let headReference = HeadReference(head: other.head, hidden: reference.activations.hidden)
        func loss() -> Double {
            run.forward(reference: headReference)
            let columns = [run.scores.logProbabilities, run.scores.divergence, run.scores.reverseDivergence]
            return columns.reduce(0) { sum, column in
                column.doubles.enumerated().reduce(sum) { $0 + Self.weight($1.offset) * $1.element }
            }
        }
        _ = loss()
        for index in 0..<run.targets.count { run.gradient[index, 0] = Real(Self.weight(index)) }
        model.parameters?.zeroGradients(team)
        run.backward(
            divergence: request.contains(.divergence) ? run.gradient : nil,
            reverseDivergence: request.contains(.reverseDivergence) ? run.gradient : nil, reference: headReference)
        let store = try #require(model.parameters)
        for entry in store.entries {
            let parameter = store.parameter(entry)
            let gradient = try #require(parameter.gradient)
            let problem = gradientMismatch(parameter.value, gradient: gradient, every: 11, entry.name) { loss() }
            #expect(problem == nil)
        }
    }
}
