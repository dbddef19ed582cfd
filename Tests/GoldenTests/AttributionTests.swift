import Compute
import TestSupport
import Testing
import Transformer

/// Raw token importances of TI-DPO for every target: the L1 norm of the gradient at the looked-up embeddings.
@Suite struct AttributionTests {
    static let oracles = OracleDirectory.current
    static let fixtures = oracles.fixtureNames(prefix: "tidpo_")

    @Test(arguments: fixtures, ["predict_last", "after_last", "response_nll"])
    func importance(_ name: String, _ target: String) throws {
        let fixture = try Self.oracles.fixture(name)
        let team = try ThreadTeam(threads: 2)
        let policy = try #require(try fixture.index.string("policy"))
        let model = try LanguageModel(folder: Self.oracles.model(policy), team: team)
        var checked = 0
        for pair in 0... {
            guard fixture.contains("pair\(pair).prompt") else { break }
            for branch in ["chosen", "rejected"] {
                let prefix = "pair\(pair).\(branch)"
                guard fixture.contains("\(prefix).importance.\(target)") else { continue }
                let prompt = try fixture.integers("pair\(pair).prompt")
                let response = try fixture.integers(prefix)
                let gradient = try gradient(of: target, model, prompt, response, team)
                let expected = try fixture.tensor("\(prefix).importance.\(target)")
                #expect(mismatch(gradient, expected, .gradient(largestOfFixture: 0), "\(prefix) \(target)") == nil)
                checked += 1
            }
        }
        #expect(checked > 0)
    }

    private func gradient(
        of target: String, _ model: LanguageModel, _ prompt: [Int32], _ response: [Int32], _ team: ThreadTeam
    ) throws -> [Double] {
        let layout = SequenceLayout(lengths: [prompt.count + response.count])
        let rows = response.indices.map { Int32(prompt.count - 1 + $0) }
        let run = try ModelRun(
            model, prompt + response, layout, HeadTargets(rows: rows, ids: response), gradients: .inputs, team: team)
        run.forward()
        if target == "response_nll" {
            run.gradient.fill(-1)
            return rowNorms(of: run.backward(), .l1)
        }
        let last = Int32(layout.tokenCount - (target == "predict_last" ? 2 : 1))
        let memory = try Arena(byteCount: 1 << 20)
        zero(run.activations.hiddenGradient, run.context)
        model.head.maximumLogitGradient(
            run.activations.hidden, rows: [last], into: HeadMaxima(count: 1, in: memory),
            model.head.scratch(count: 1, in: memory), hiddenGradient: run.activations.hiddenGradient, run.context)
        return rowNorms(of: run.backwardHidden(), .l1)
    }
}
