import Compute
import TestSupport
import Testing
import Transformer

/// Every base model of the oracle folder: forward, backward, greedy decoding, three optimizer steps.
@Suite struct FamilyTests {
    static let oracles = OracleDirectory.current
    static let families = oracles.familyNames

    @Test func folderHasFamilies() { #expect(!Self.families.isEmpty, "no family fixtures in \(Self.oracles.path)") }

    @Test(arguments: families) func logitsAndLogProbabilities(_ family: String) throws {
        let (fixture, model, team) = try open(family)
        for (number, sequence) in try fixture.sequences().enumerated() {
            let run = try ModelRun(model, sequences: [sequence], recording: .none, team: team)
            run.forward()
            let logits = try run.logits(rows: 0..<sequence.count)
            #expect(mismatch(logits, try fixture.tensor("seq\(number).logits"), .forward, "logits") == nil)
            guard sequence.count > 1 else { continue }
            let expected = try fixture.tensor("seq\(number).logprobs")
            #expect(mismatch(run.logProbabilities, expected, .forward, "log-probabilities") == nil)
        }
    }

    @Test(arguments: families) func gradientOfTheLargestLogit(_ family: String) throws {
        let (fixture, model, team) = try open(family)
        for (number, sequence) in try fixture.sequences().enumerated() {
            let run = try ModelRun(model, sequences: [sequence], gradients: .inputs, team: team)
            run.forwardHidden()
            zero(run.activations.hiddenGradient, run.context)
            let memory = try Arena(byteCount: 1 << 20)
            let maxima = HeadMaxima(count: 1, in: memory)
            model.head.maximumLogitGradient(
                run.activations.hidden, rows: [Int32(sequence.count - 1)], into: maxima,
                model.head.scratch(count: 1, in: memory), hiddenGradient: run.activations.hiddenGradient, run.context)
            let gradient = run.backwardHidden()
            let name = "seq\(number).maxlogit"
            #expect(mismatch(maxima.values.doubles, try fixture.tensor(name), .forward, name) == nil)
            #expect(try fixture.integers(name + "_index") == Array(maxima.tokens))
            let expected = try fixture.tensor(name + "_embed_grad")
            #expect(mismatch(gradient.doubles, expected, .gradient(largestOfFixture: 0), name + " gradient") == nil)
        }
    }

    @Test(arguments: families, [DecoderStack.Recording.full, .blockInputs])
    func lossAndParameterGradients(_ family: String, _ recording: DecoderStack.Recording) throws {
        let (fixture, model, team) = try open(family, trained: .all)
        let run = try ModelRun(model, sequences: fixture.sequences(), recording: recording, team: team)
        run.forward()
        #expect(mismatch([run.meanLoss], try fixture.tensor("loss"), .loss, "loss") == nil)
        run.meanLossGradients()
        try checkGradients(of: model, against: fixture)
    }

    @Test(arguments: families) func greedyContinuation(_ family: String) throws {
        let (fixture, model, team) = try open(family)
        let sequences = try fixture.sequences()
        let expected = try sequences.indices.map { try fixture.integers("seq\($0).greedy") }
        let request = GenerationRequest(prompts: sequences, maximumNewTokens: expected.map(\.count).max() ?? 0)
        let bytes = try model.generationByteCount(request, team: team)
        let context = Context(arena: try Arena(byteCount: bytes), team: team, gradients: [])
        #expect(try model.generate(request, Pass(), context) == expected)
    }

    @Test(arguments: families) func threeOptimizerSteps(_ family: String) throws {
        let (fixture, model, team) = try open(family, trained: .all)
        try checkOptimizerSteps(of: model, sequences: fixture.sequences(), against: fixture, team: team)
    }

    private func open(
        _ family: String, trained: TrainedTensors = .none
    ) throws -> (OracleFixture, LanguageModel, ThreadTeam) {
        let team = try ThreadTeam(threads: 2)
        let model = try LanguageModel(folder: Self.oracles.model(family), trained: trained, team: team)
        return (try Self.oracles.fixture(family), model, team)
    }
}
