import Compute
import TestSupport
import Testing
import Transformer

/// Several responses of one prompt packed into one sequence: log-probabilities, loss and gradient equal separate rows.
@Suite struct PrefixTests {
    static let oracles = OracleDirectory.current
    static let fixtures = oracles.fixtureNames(prefix: "prefix_")
    static let layouts = ["pair", "tree", "pair_nocopy", "tree_nocopy"]

    /// One packed pair of a fixture.
    private struct Packed {
        let ids: [Int32]
        let layout: SequenceLayout
        let targets: HeadTargets
        /// Target numbers of each branch.
        let branches: [String: Range<Int>]
    }

    @Test(arguments: fixtures, layouts) func logProbabilities(_ name: String, _ layout: String) throws {
        let (fixture, model, team) = try open(name, trained: .none)
        for pair in try pairs(fixture) {
            let packed = try pack(fixture, layout, pair)
            let run = try ModelRun(model, packed.ids, packed.layout, packed.targets, recording: .none, team: team)
            run.forward()
            for (branch, range) in packed.branches where fixture.contains("pair\(pair).\(branch).policy_logps") {
                let expected = try fixture.tensor("pair\(pair).\(branch).policy_logps")
                let actual = Array(run.logProbabilities[range])
                #expect(mismatch(actual, expected, .forward, "\(layout) pair\(pair) \(branch)") == nil)
            }
        }
    }

    /// DPO's sigmoid loss over the pairs, from packed passes with their gradients added up.
    @Test(arguments: fixtures, layouts) func lossAndGradient(_ name: String, _ layout: String) throws {
        let (fixture, model, team) = try open(name, trained: .all)
        let beta = try #require(try fixture.index.object("hyper")?.number("beta"))
        let pairs = try pairs(fixture)
        var loss = 0.0
        model.parameters?.zeroGradients(team)
        for pair in pairs {
            let packed = try pack(fixture, layout, pair)
            let run = try ModelRun(
                model, packed.ids, packed.layout, packed.targets, gradients: .parameters, team: team)
            run.forward()
            let margin =
                try logRatio(run, packed, fixture, pair, "chosen") - logRatio(run, packed, fixture, pair, "rejected")
            loss += softplus(-beta * margin) / Double(pairs.count)
            let slope = -beta / (1 + exponential(beta * margin)) / Double(pairs.count)
            run.gradient.fill(0)
            for (branch, sign) in [("chosen", 1.0), ("rejected", -1.0)] {
                for target in try #require(packed.branches[branch]) { run.gradient[target, 0] = Real(sign * slope) }
            }
            run.backward()
        }
        #expect(mismatch([loss], try fixture.tensor("loss"), .loss, "loss") == nil)
        try checkGradientFingerprints(of: model, against: fixture)
    }

    /// One backward pass from both branches' targets gives the importances of both responses.
    @Test(arguments: fixtures, ["pair", "pair_nocopy"])
    func attributionOfBothBranchesAtOnce(_ name: String, _ layout: String) throws {
        let (fixture, model, team) = try open(name, trained: .none)
        for pair in try pairs(fixture) {
            let packed = try pack(fixture, layout, pair)
            let run = try ModelRun(
                model, packed.ids, packed.layout, packed.targets, gradients: .inputs, team: team)
            run.forwardHidden()
            zero(run.activations.hiddenGradient, run.context)
            let branches = ["chosen", "rejected"]
            let rows = try branches.map { packed.targets.rows[try #require(packed.branches[$0]?.last)] }
            let memory = try Arena(byteCount: 1 << 20)
            model.head.maximumLogitGradient(
                run.activations.hidden, rows: rows, into: HeadMaxima(count: 2, in: memory),
                model.head.scratch(count: 2, in: memory), hiddenGradient: run.activations.hiddenGradient, run.context)
            let importance = rowNorms(of: run.backwardHidden(), .l1)
            for (branch, last) in zip(branches, rows) {
                let expected = try fixture.tensor("pair\(pair).\(branch).importance.predict_last")
                // The response's tokens end one row after the one that predicts the last of them.
                let end = Int(last) + 2
                let own = Array(importance[(end - expected.values.count)..<end])
                #expect(mismatch(own, expected, .gradient(largestOfFixture: 0), "\(branch) importance") == nil)
            }
        }
    }

    private func logRatio(
        _ run: ModelRun, _ packed: Packed, _ fixture: OracleFixture, _ pair: Int, _ branch: String
    ) throws -> Double {
        let reference = try fixture.tensor("pair\(pair).\(branch).ref_logps").values
        let policy = run.logProbabilities[try #require(packed.branches[branch])]
        return zip(policy, reference).reduce(0) { $0 + $1.0 - $1.1 }
    }

    /// The fixture's packed tokens, their layout derived from its attention mask.
    private func pack(_ fixture: OracleFixture, _ layout: String, _ pair: Int) throws -> Packed {
        let prefix = "\(layout).pair\(pair)"
        let ids = try fixture.integers(prefix + ".ids")
        let segments = segments(
            mask: try fixture.integers(prefix + ".mask"), positions: try fixture.integers(prefix + ".positions"))
        var (rows, targets): ([Int32], [Int32]) = ([], [])
        var branches: [String: Range<Int>] = [:]
        for branch in ["chosen", "rejected", "anchor"] where fixture.contains("\(prefix).\(branch).rows") {
            let start = rows.count
            rows += try fixture.integers("\(prefix).\(branch).rows")
            targets += try fixture.integers("pair\(pair).\(branch)")
            branches[branch] = start..<rows.count
        }
        return Packed(
            ids: ids, layout: try SequenceLayout(segments: segments), targets: HeadTargets(rows: rows, ids: targets),
            branches: branches)
    }

    /// Rows that see everything the row before sees, and that row, continue its segment.
    private func segments(mask: [Int32], positions: [Int32]) -> [SequenceLayout.Segment] {
        let count = positions.count
        func visible(_ row: Int) -> [Int] { (0..<row).filter { mask[row * count + $0] != 0 } }
        var starts = [0]
        for row in 1..<count where visible(row) != visible(row - 1) + [row - 1] { starts.append(row) }
        // A prompt whose last token has copies ends before that token for the later branches.
        for row in starts.dropFirst() {
            let seen = visible(row)
            let cuts = zip(seen, seen.dropFirst()).filter { $0 + 1 != $1 }.map { $0.0 + 1 } + [(seen.last ?? -1) + 1]
            starts += cuts.filter { $0 < row && !starts.contains($0) }
        }
        starts.sort()
        return zip(starts, starts.dropFirst() + [count]).map { start, end in
            SequenceLayout.Segment(
                tokens: start..<end, prefix: ranges(visible(start)), firstPosition: Int(positions[start]))
        }
    }

    private func ranges(_ rows: [Int]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for row in rows {
            if let last = ranges.last, last.upperBound == row {
                ranges[ranges.count - 1] = last.lowerBound..<row + 1
            } else {
                ranges.append(row..<row + 1)
            }
        }
        return ranges
    }

    private func pairs(_ fixture: OracleFixture) throws -> Range<Int> {
        var count = 0
        while fixture.contains("pair\(count).prompt") { count += 1 }
        return 0..<count
    }

    private func open(
        _ name: String, trained: TrainedTensors
    ) throws -> (OracleFixture, LanguageModel, ThreadTeam) {
        let fixture = try Self.oracles.fixture(name)
        let team = try ThreadTeam(threads: 2)
        let policy = try #require(try fixture.index.string("policy"))
        return (fixture, try LanguageModel(folder: Self.oracles.model(policy), trained: trained, team: team), team)
    }
}
