import Compute
import DurableFiles
import TestFolders
import TestSupport
import Testing
import Transformer

/// Different ways to compute the same thing.
@Suite struct PropertyTests {
    private let team: ThreadTeam
    private let limit = isDoublePrecision ? 1e-11 : 3e-5

    init() throws { team = try ThreadTeam(threads: 2) }

    private func gradients(_ run: ModelRun, every: Int = 1) -> [Double] {
        run.forward()
        run.meanLossGradients()
        return run.model.parameters?.gradients?.doubles ?? []
    }

    private let sequences = [tinyTokens(7, seed: 1), tinyTokens(1, seed: 2), tinyTokens(12, seed: 3)]

    @Test(arguments: TinyModel.allCases) func packedEqualsSeparate(_ kind: TinyModel) throws {
        let model = try kind.model(team: team)
        let packed = try ModelRun(model, sequences: sequences, team: team)
        packed.forward()
        var separate: [Double] = []
        for sequence in sequences {
            let run = try ModelRun(model, sequences: [sequence], team: team)
            run.forward()
            separate += run.logProbabilities
        }
        #expect(mismatch(packed.logProbabilities, separate, limit: limit, "log-probabilities") == nil)
    }

    @Test(arguments: TinyModel.allCases) func sharedPromptEqualsRepeatedPrompt(_ kind: TinyModel) throws {
        let model = try kind.model(team: team)
        let prompt = tinyTokens(6, seed: 4)
        let branches = [tinyTokens(4, seed: 5), tinyTokens(3, seed: 6), tinyTokens(1, seed: 7)]
        let layout = SequenceLayout.sharedPrompt([(prompt: 6, branches: branches.map(\.count))])
        var rows: [Int32] = []
        for (branch, segment) in zip(branches, layout.segments.dropFirst()) {
            let start = Int32(segment.tokens.lowerBound)
            rows += [5] + (0..<Int32(branch.count - 1)).map { start + $0 }
        }
        let targets = HeadTargets(rows: rows, ids: branches.flatMap { $0 })
        let shared = try ModelRun(model, prompt + branches.flatMap { $0 }, layout, targets, team: team)
        let sharedGradients = gradients(shared)

        let repeated = SequenceLayout(lengths: branches.map { 6 + $0.count })
        let repeatedRows = zip(branches, repeated.segments).flatMap { branch, segment in
            branch.indices.map { Int32(segment.tokens.lowerBound + 5 + $0) }
        }
        let run = try ModelRun(
            model, branches.flatMap { prompt + $0 }, repeated,
            HeadTargets(rows: repeatedRows, ids: branches.flatMap { $0 }), team: team)
        let repeatedGradients = gradients(run)
        #expect(mismatch(shared.logProbabilities, run.logProbabilities, limit: limit, "log-probabilities") == nil)
        #expect(mismatch(sharedGradients, repeatedGradients, limit: limit, "gradients") == nil)
    }

    @Test func chunkedHeadEqualsWholeHead() throws {
        let whole = try ModelRun(TinyModel.tied.model(team: team), sequences: sequences, team: team)
        let chunked = try ModelRun(
            TinyModel.tied.model(headChunkRows: 5, team: team), sequences: sequences, team: team)
        #expect(mismatch(gradients(chunked), gradients(whole), limit: limit, "gradients") == nil)
        #expect(mismatch(chunked.logProbabilities, whole.logProbabilities, limit: limit, "scores") == nil)
    }

    /// One pass with known coefficients gives what scoring and its adjoint give.
    @Test func fusedHeadEqualsTwoPasses() throws {
        let model = try TinyModel.untied.model(headChunkRows: 5, team: team)
        let run = try ModelRun(model, sequences: sequences, team: team)
        let expected = gradients(run)
        let logProbabilities = run.logProbabilities
        model.parameters?.zeroGradients(team)
        zero(run.activations.hiddenGradient, run.context)
        model.head.scoreAndBackward(
            HeadGradient(logProbabilities: run.gradient), hidden: run.activations.hidden, run.targets,
            into: run.scores, run.scratch, hiddenGradient: run.activations.hiddenGradient, run.context)
        run.backwardHidden()
        #expect(model.parameters?.gradients?.doubles == expected)
        #expect(run.logProbabilities == logProbabilities)
    }

    /// Slopes of a frozen head, scaled afterwards, give the hidden gradient of the second pass over the logits.
    @Test func slopesEqualTheAdjointOfTheHead() throws {
        let run = try ModelRun(TinyModel.untied.model(headChunkRows: 5, team: team), sequences: sequences, team: team)
        run.forward()
        for row in 0..<run.targets.count { run.gradient[row, 0] = Real(row % 5) - 1.5 }
        run.backward()
        let hiddenGradient = run.activations.hiddenGradient
        let (expected, logProbabilities) = (hiddenGradient.doubles, run.logProbabilities)
        let slopes = try Arena(byteCount: 1 << 16).retainedMatrix(run.targets.count, hiddenGradient.columns)
        run.model.head.score(
            run.activations.hidden, run.targets, into: run.scores, slopes: slopes.matrix, run.scratch, run.context)
        zero(hiddenGradient, run.context)
        run.model.head.backward(
            run.gradient, through: slopes.matrix, run.targets, hiddenGradient: hiddenGradient, run.context)
        #expect(mismatch(hiddenGradient.doubles, expected, limit: limit, "hidden gradients") == nil)
        #expect(run.logProbabilities == logProbabilities)
    }

    @Test(arguments: TinyModel.allCases) func recomputedBlocksGiveTheSameBits(_ kind: TinyModel) throws {
        let model = try kind.model(layers: 3, team: team)
        let kept = gradients(try ModelRun(model, sequences: sequences, recording: .full, team: team))
        let recomputed = gradients(try ModelRun(model, sequences: sequences, recording: .blockInputs, team: team))
        #expect(kept == recomputed)
    }

    @Test(arguments: [1, 2, 3]) func repeatedPassesGiveTheSameBits(_ threads: Int) throws {
        let team = try ThreadTeam(threads: threads)
        let model = try TinyModel.headNorms.model(team: team)
        let run = try ModelRun(model, sequences: sequences, team: team)
        let first = gradients(run)
        #expect(gradients(run) == first)
    }

    /// A second backward pass on the same activations: attribution first, then training.
    @Test func attributionLeavesTheTrainingPassAsItIs() throws {
        let model = try TinyModel.tied.model(team: team)
        let run = try ModelRun(model, sequences: sequences, team: team)
        let expected = gradients(run)
        run.forward()
        model.parameters?.zeroGradients(team)
        zero(run.activations.hiddenGradient, run.context)
        let inputsOnly = run.context.asking(for: .inputs)
        run.activations.hiddenGradient.fill(0.5)
        model.backward(run.ids, run.layout, run.activations, run.pass, inputsOnly)
        #expect(model.parameters?.gradients?.doubles.allSatisfy { $0 == 0 } == true)
        run.backward()
        #expect(model.parameters?.gradients?.doubles == expected)
    }

    @Test func statisticsOfTheHead() throws {
        let model = try TinyModel.untied.model(headChunkRows: 4, team: team)
        let run = try ModelRun(model, sequences: sequences, recording: .none, request: .statistics, team: team)
        run.forward()
        let vocabulary = model.head.vocabularySize
        let logits = try run.logits(rows: 0..<run.layout.tokenCount)
        for (index, row) in run.targets.rows.enumerated() {
            let values = Array(logits[Int(row) * vocabulary..<(Int(row) + 1) * vocabulary])
            let largest = values.max() ?? 0
            let weights = values.map { exponential($0 - largest) }
            let total = weights.reduce(0, +)
            let mean = values.reduce(0, +) / Double(vocabulary)
            let expected = zip(weights, values).reduce(0) { $0 + $1.0 / total * ($1.1 - largest) }
            let entropy = logarithm(total) - expected
            #expect(abs(Double(run.scores.entropy[index, 0]) - entropy) < limit)
            #expect(abs(Double(run.scores.meanLogit[index, 0]) - mean) < limit)
            #expect(abs(Double(run.scores.maxima.values[index, 0]) - largest) < limit)
            #expect(run.scores.maxima.tokens[index] == Int32(values.firstIndex(of: largest) ?? -1))
        }
    }

    @Test func freshAdaptersChangeNothing() throws {
        let base = try ModelRun(TinyModel.tied.model(trained: .none, team: team), sequences: sequences, team: team)
        let settings = AdapterSettings(rank: 2, alpha: 4, dropout: 0.5)
        let adapted = try TinyModel.tied.model(trained: .none, adapters: .fresh(settings, seed: 1), team: team)
        let run = try ModelRun(
            adapted, sequences: sequences, pass: Pass(dropout: RandomStream(seed: 1, stream: 2)), team: team)
        base.forward()
        run.forward()
        #expect(base.logProbabilities == run.logProbabilities)
    }

    @Test func mergedAdaptersEqualUnmerged() throws {
        let settings = AdapterSettings(rank: 3, alpha: 7, targets: .named(["k_proj", "gate_proj", "down_proj"]))
        let model = try TinyModel.biased.model(trained: .none, adapters: .fresh(settings, seed: 1), team: team)
        let store = try #require(model.parameters)
        let stream = RandomStream(seed: 8, stream: 8)
        for index in 0..<store.count { store.values[0, index] += Real(0.3 * stream.normal(UInt64(index))) }
        let folder = try TestFolder()
        var directory = try DurableDirectory(in: folder.path, name: "merged", temporaryName: "merged.tmp")
        try model.save(into: &directory, team: team)
        try directory.publish()
        let merged = try LanguageModel(folder: folder.path + "/merged", team: team)
        let (one, other) = (
            try ModelRun(model, sequences: sequences, team: team),
            try ModelRun(merged, sequences: sequences, team: team)
        )
        one.forward()
        other.forward()
        // Saved as float32 in either build.
        #expect(mismatch(other.logProbabilities, one.logProbabilities, limit: 3e-5, "log-probabilities") == nil)
    }
}
