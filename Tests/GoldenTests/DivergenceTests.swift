import Compute
import TestSupport
import Testing
import Transformer

/// Token log-probabilities of policy and reference and both position divergences, and the gradient of TDPO's losses.
@Suite struct DivergenceTests {
    static let oracles = OracleDirectory.current
    static let fixtures = oracles.fixtureNames(prefix: "pref_")

    /// The responses of one pair as separate sequences behind the prompt.
    private struct Rows {
        let branches: [String]
        let ranges: [Range<Int>]
        let policy: ModelRun
        let reference: ModelRun
    }

    @Test(arguments: fixtures) func scoresOfBothModels(_ name: String) throws {
        let fixture = try Self.oracles.fixture(name)
        let (policy, reference, team) = try models(fixture, trained: .none)
        for pair in try pairs(fixture) {
            let rows = try run(fixture, pair, policy, reference, [.divergence, .reverseDivergence, .statistics], team)
            for (branch, range) in zip(rows.branches, rows.ranges) {
                let quantities = [
                    ("policy_logps", rows.policy.scores.logProbabilities),
                    ("ref_logps", rows.reference.scores.logProbabilities),
                    ("kl_ref_policy", rows.policy.scores.divergence),
                    ("kl_policy_ref", rows.policy.scores.reverseDivergence),
                ]
                for (quantity, column) in quantities {
                    let tensor = "pair\(pair).\(branch).\(quantity)"
                    let actual = column.rows(range).doubles
                    #expect(mismatch(actual, try fixture.tensor(tensor), .forward, tensor) == nil)
                }
            }
        }
    }

    /// The golden derivatives per log-probability and per divergence, handed to the head's adjoint.
    @Test(arguments: fixtures, ["sigmoid", "tdpo1", "tdpo2"])
    func gradientOfAnObjective(_ name: String, _ objective: String) throws {
        let fixture = try Self.oracles.fixture(name)
        guard fixture.contains(objective + ".grad_fp") else { return }
        let (policy, reference, team) = try models(fixture, trained: .all)
        policy.parameters?.zeroGradients(team)
        for pair in try pairs(fixture) {
            let rows = try run(fixture, pair, policy, reference, .divergence, team)
            let memory = try Arena(byteCount: rows.policy.targets.count * 8 + 64)
            let ofDivergence = memory.matrix(rows.policy.targets.count, 1)
            rows.policy.gradient.fill(0)
            ofDivergence.fill(0)
            for (branch, range) in zip(rows.branches, rows.ranges) {
                let prefix = "\(objective).pair\(pair).\(branch)"
                try fill(rows.policy.gradient.rows(range), from: fixture, prefix + ".dlogp")
                try fill(ofDivergence.rows(range), from: fixture, prefix + ".dkl")
            }
            rows.policy.backward(
                divergence: ofDivergence,
                reference: HeadReference(head: reference.head, hidden: rows.reference.activations.hidden))
        }
        try checkGradientFingerprints(of: policy, against: fixture, table: objective + ".grad_fp")
    }

    private func fill(_ column: Matrix, from fixture: OracleFixture, _ name: String) throws {
        guard fixture.contains(name) else { return }
        for (row, value) in try fixture.tensor(name).values.enumerated() { column[row, 0] = Real(value) }
    }

    private func run(
        _ fixture: OracleFixture, _ pair: Int, _ policy: LanguageModel, _ reference: LanguageModel,
        _ request: HeadRequest, _ team: ThreadTeam
    ) throws -> Rows {
        let prompt = try fixture.integers("pair\(pair).prompt")
        let branches = ["chosen", "rejected", "rejected2"].filter { fixture.contains("pair\(pair).\($0)") }
        let responses = try branches.map { try fixture.integers("pair\(pair).\($0)") }
        let layout = SequenceLayout(lengths: responses.map { prompt.count + $0.count })
        var rows: [Int32] = []
        var ranges: [Range<Int>] = []
        for (segment, response) in zip(layout.segments, responses) {
            let first = Int32(segment.tokens.lowerBound + prompt.count - 1)
            ranges.append(rows.count..<rows.count + response.count)
            rows += response.indices.map { first + Int32($0) }
        }
        let ids = responses.flatMap { prompt + $0 }
        let targets = HeadTargets(rows: rows, ids: responses.flatMap { $0 })
        let other = try ModelRun(reference, ids, layout, targets, recording: .none, team: team)
        other.forward()
        let own = try ModelRun(
            policy, ids, layout, targets, request: request, gradients: .parameters, team: team)
        own.forward(reference: HeadReference(head: reference.head, hidden: other.activations.hidden))
        return Rows(branches: branches, ranges: ranges, policy: own, reference: other)
    }

    private func models(
        _ fixture: OracleFixture, trained: TrainedTensors
    ) throws -> (LanguageModel, LanguageModel, ThreadTeam) {
        let team = try ThreadTeam(threads: 2)
        let policy = try #require(try fixture.index.string("policy"))
        let reference = try #require(try fixture.index.string("reference"))
        return (
            try LanguageModel(folder: Self.oracles.model(policy), trained: trained, team: team),
            try LanguageModel(folder: Self.oracles.model(reference), team: team), team
        )
    }

    private func pairs(_ fixture: OracleFixture) throws -> Range<Int> {
        var count = 0
        while fixture.contains("pair\(count).prompt") { count += 1 }
        return 0..<count
    }
}
