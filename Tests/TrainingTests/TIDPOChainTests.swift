import Compute
import Datasets
import Foundation
import JobModel
import TestSupport
import Testing
import Training
import Transformer

/// The whole chain of TI-DPO against PyTorch: attribution, weights, anchors, reference, loss and parameter gradients.
@Suite struct TIDPOChainTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let fixture: String
        let preset: TIDPOPreset
        let sharesPrompts: Bool

        var testDescription: String { "\(fixture) \(preset.rawValue) \(sharesPrompts ? "shared" : "repeated") prompts" }

        static let all: [Case] = OracleDirectory.current.fixtureNames(prefix: "tidpo_").flatMap { fixture in
            TIDPOPreset.allCases.flatMap { preset in
                [true, false].map { Case(fixture: fixture, preset: preset, sharesPrompts: $0) }
            }
        }
    }

    @Test(arguments: Case.all)
    func matchesTheFixture(example: Case) throws {
        let fixture = try OracleDirectory.current.fixture(example.fixture)
        let team = try ThreadTeam(threads: 2)
        func folder(_ key: String) throws -> String {
            OracleDirectory.current.model(try #require(try fixture.index.string(key)))
        }
        var objective = TIDPOObjective()
        example.preset.apply(to: &objective)
        let policy = try PolicyModel(
            LanguageModel(folder: folder("policy"), trained: .all, team: team), folder: ModelFolder(folder("policy")),
            adapter: nil, recompute: false, team: team)
        let scorer = PreferenceScorer(
            policy: policy,
            reference: ReferenceModel(try LanguageModel(folder: folder("reference"), team: team), isStart: false),
            plan: PreferencePlan(objective), sharesPrompts: example.sharesPrompts, workspace: Workspace(team: team))

        let pairs = try Self.pairs(fixture)
        let anchors = try pairs.indices.map {
            Anchor(tokens: try fixture.integers("pair\($0).anchor"), followsChosen: false)
        }
        policy.store.zeroGradients(team)
        let outputs = try scorer.accumulate(
            PreferenceScorer.Input(
                pairs: pairs, anchors: objective.gamma > 0 ? anchors : nil, reference: nil,
                weights: pairs.map { _ in nil }),
            Pass(), weight: Double(pairs.count)
        ).outputs

        let loss = outputs.reduce(0) { $0 + $1.loss } / Double(pairs.count)
        #expect(abs(loss - (try fixture.scalar("\(example.preset.rawValue).loss"))) < 2e-5)
        try checkWeights(outputs, fixture, example.preset)
        try checkGradients(policy.store, fixture, example.preset)
    }

    private static func pairs(_ fixture: OracleFixture) throws -> [EncodedPair] {
        var pairs: [EncodedPair] = []
        while fixture.contains("pair\(pairs.count).prompt") {
            let name = "pair\(pairs.count)"
            pairs.append(
                EncodedPair(
                    prompt: try fixture.integers(name + ".prompt"), chosen: try fixture.integers(name + ".chosen"),
                    rejected: try fixture.integers(name + ".rejected")))
        }
        return pairs
    }

    private func checkWeights(
        _ outputs: [PreferenceScorer.Output], _ fixture: OracleFixture, _ preset: TIDPOPreset
    ) throws {
        for (index, output) in outputs.enumerated() {
            let weights = try #require(output.weights)
            for (side, found) in [("chosen", weights.chosen), ("rejected", weights.rejected)] {
                let name =
                    preset == .release
                    ? "pair\(index).\(side).weights.release"
                    : "pair\(index).\(side).weights.response.predict_last.mean_one"
                let expected = try fixture.tensor(name).values.suffix(found.count)
                for (a, b) in zip(found, expected) { #expect(abs(a - b) < 5e-4, "\(name)") }
            }
        }
    }

    /// Sum, length and cosine sum of every parameter's gradient, and every element where the fixture has them.
    private func checkGradients(_ store: ParameterStore, _ fixture: OracleFixture, _ preset: TIDPOPreset) throws {
        let gradients = try #require(store.gradients)
        let names = try fixture.parameterOrder()
        let prints = try fixture.tensor("\(preset.rawValue).grad_fp").values
        for (row, name) in names.enumerated() {
            let entry = try #require(store.entries.first { $0.name == name })
            let values = entry.range.map { Double(gradients.base[$0]) }
            let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let tolerance = 2e-3 * max(prints[3 * row + 1], 1e-4)
            #expect(abs(length - prints[3 * row + 1]) < tolerance, "length of \(name)")
            let wave = values.enumerated().reduce(0) { $0 + $1.element * cos(0.37 * Double($1.offset + 1)) }
            #expect(abs(wave - prints[3 * row + 2]) < 5 * tolerance, "cosine sum of \(name)")
            let full = "\(preset.rawValue).grad.\(name)"
            guard fixture.contains(full) else { continue }
            #expect(distance(try fixture.tensor(full).values, values) < 2e-3, "\(name)")
        }
    }
}
