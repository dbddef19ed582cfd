import Compute
import DurableFiles
import TestFolders
import TestSupport
import Testing
import Transformer

/// Adapters in PEFT's format beside the linears of a base model.
@Suite struct LoRATests {
    static let oracles = OracleDirectory.current
    static let fixtures = oracles.fixtureNames(prefix: "lora_")

    @Test(arguments: fixtures) func logits(_ name: String) throws {
        let (fixture, model, team) = try open(name, trained: false)
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

    @Test(arguments: fixtures) func lossAndGradients(_ name: String) throws {
        let (fixture, model, team) = try open(name, trained: true)
        let run = try ModelRun(model, sequences: fixture.sequences(), gradients: .parameters, team: team)
        run.forward()
        #expect(mismatch([run.meanLoss], try fixture.tensor("loss"), .loss, "loss") == nil)
        run.meanLossGradients()
        // Large adapters sharpen attention, and float32 shows it: transformers' own float32 gradients are up to 8e-5 off
        // on these fixtures, against 3e-6 on their base models.
        try checkGradients(of: model, against: fixture, relative: 3e-4)
    }

    @Test(arguments: fixtures) func threeOptimizerSteps(_ name: String) throws {
        let (fixture, model, team) = try open(name, trained: true)
        try checkOptimizerSteps(of: model, sequences: fixture.sequences(), against: fixture, team: team)
    }

    @Test(arguments: fixtures) func adaptersOffIsTheBase(_ name: String) throws {
        let (fixture, model, team) = try open(name, trained: true)
        let base = try Self.oracles.fixture(try #require(try fixture.index.string("model")))
        for (number, sequence) in try fixture.sequences().enumerated() {
            let run = try ModelRun(
                model, sequences: [sequence], recording: .none, pass: Pass(adapters: .off), team: team)
            run.forward()
            let logits = try run.logits(rows: 0..<sequence.count)
            #expect(mismatch(logits, try base.tensor("seq\(number).logits"), .forward, "logits") == nil)
        }
    }

    @Test(arguments: fixtures) func mergedModel(_ name: String) throws {
        let (fixture, model, team) = try open(name, trained: false)
        let folder = try TestFolder()
        var directory = try DurableDirectory(in: folder.path, name: "merged", temporaryName: "merged.tmp")
        try model.save(into: &directory, team: team)
        try directory.publish()
        let merged = try LanguageModel(folder: folder.path + "/merged", team: team)
        for tensor in fixture.names(prefix: "merged.") {
            let entry = try #require(merged.weights.entries.first { "merged." + $0.name == tensor })
            let values = try #require(merged.weights[entry.role]?.value).doubles
            // Saved as float32 in either build.
            let expected = try fixture.tensor(tensor)
            #expect(mismatch(values, expected.values, limit: 3e-7 * expected.largest, tensor) == nil)
        }
        for (number, sequence) in try fixture.sequences().enumerated() {
            let run = try ModelRun(merged, sequences: [sequence], recording: .none, team: team)
            run.forward()
            let expected = try fixture.tensor("seq\(number).logits_merged")
            let logits = try run.logits(rows: 0..<sequence.count)
            #expect(mismatch(logits, expected.values, limit: 3e-5 * expected.largest, "logits") == nil)
        }
    }

    private func open(
        _ name: String, trained: Bool
    ) throws -> (OracleFixture, LanguageModel, ThreadTeam) {
        let fixture = try Self.oracles.fixture(name)
        let team = try ThreadTeam(threads: 2)
        let base = try #require(try fixture.index.string("model"))
        let adapter = try #require(try fixture.index.string("adapter"))
        let folder = try AdapterFolder(Self.oracles.model(adapter))
        let model = try LanguageModel(
            folder: Self.oracles.model(base), adapters: .loaded(folder, trained: trained), team: team)
        return (fixture, model, team)
    }
}
