import Compute
import TestSupport
import Testing
import Transformer

/// Rows that nobody reads: the last block leaves them out, the first gives them no input gradient, and everything else
/// stays what it was, to rounding: products over fewer rows may add in another order.
@Suite struct SelectedRowsTests {
    private let team: ThreadTeam
    private let limit = isDoublePrecision ? 1e-11 : 3e-5
    /// Two pairs of responses with shared prompts; their rows.
    private let layout = SequenceLayout.sharedPrompt([(prompt: 9, branches: [4, 3]), (prompt: 12, branches: [5, 2])])
    private let rows: [Int32] = [8, 9, 10, 11, 8, 13, 14, 27, 28, 29, 30, 31, 27, 33]

    init() throws { team = try ThreadTeam(threads: 2) }

    private func run(
        _ model: LanguageModel, _ recording: DecoderStack.Recording = .full, selects: Bool, pass: Pass = Pass()
    ) throws -> ModelRun {
        let targets = HeadTargets(rows: rows, ids: tinyTokens(rows.count, seed: 3))
        return try ModelRun(
            model, tinyTokens(layout.tokenCount, seed: 2), layout, targets, recording: recording,
            reading: selects ? rows : nil, pass: pass, team: team)
    }

    private func gradients(_ run: ModelRun) -> (parameters: [Double], inputs: [Double]) {
        run.forward()
        run.model.parameters?.zeroGradients(team)
        run.gradient.fill(-1 / Real(run.targets.count))
        let inputs = run.backward().doubles
        return (run.model.parameters?.gradients?.doubles ?? [], inputs)
    }

    private func expectEqual(_ model: LanguageModel, _ recording: DecoderStack.Recording, pass: Pass = Pass()) throws {
        let (whole, part) = (
            try run(model, recording, selects: false, pass: pass), try run(model, recording, selects: true, pass: pass)
        )
        #expect(part.activations.stack.selection?.count == 12)
        let (expected, found) = (gradients(whole), gradients(part))
        #expect(mismatch(part.logProbabilities, whole.logProbabilities, limit: limit, "log-probabilities") == nil)
        #expect(mismatch(found.parameters, expected.parameters, limit: limit, "parameters") == nil)
        #expect(mismatch(found.inputs, expected.inputs, limit: limit, "inputs") == nil)
        // Again on the same activations, as attribution and training do.
        #expect(gradients(part).parameters == found.parameters)
    }

    @Test(arguments: TinyModel.allCases, [DecoderStack.Recording.full, .blockInputs])
    func resultsAreThoseOfAllRows(_ kind: TinyModel, _ recording: DecoderStack.Recording) throws {
        try expectEqual(kind.model(layers: 3, team: team), recording)
        try expectEqual(kind.model(layers: 1, team: team), recording)
    }

    /// Every row keeps the dropout mask that it has when all rows are computed.
    @Test(arguments: [DecoderStack.Recording.full, .blockInputs])
    func adaptersWithDropout(_ recording: DecoderStack.Recording) throws {
        let settings = AdapterSettings(
            rank: 3, alpha: 5, dropout: 0.4, targets: .named(["q_proj", "v_proj", "o_proj", "up_proj"]))
        let model = try TinyModel.headNorms.model(trained: .none, adapters: .fresh(settings, seed: 4), team: team)
        try expectEqual(model, recording, pass: Pass(dropout: RandomStream(seed: 5, stream: 6)))
    }

    @Test func unreadRowsAreNotComputed() throws {
        let model = try TinyModel.untied.model(team: team)
        for recording in [DecoderStack.Recording.none, .full] {
            let part = try run(model, recording, selects: true)
            part.forward()
            for row in 0..<layout.tokenCount {
                let isZero = part.activations.hidden.rows(row..<row + 1).elements.allSatisfy { $0 == 0 }
                #expect(isZero == !rows.contains(Int32(row)), "row \(row)")
            }
        }
    }

    /// Elements of the pass's memory that a forward pass leaves as they were. On one thread: of several, some may find
    /// no work and leave their own memory alone.
    private func untouchedElements(_ model: LanguageModel, reading: [Int32]?) throws -> Int {
        let team = try ThreadTeam(threads: 1)
        let arena = try Arena(byteCount: 1 << 20)
        let (context, start) = (Context(arena: arena, team: team), arena.mark())
        let memory = arena.matrix(1, (1 << 19) / MemoryLayout<Real>.stride)
        let poison: Real = 12345.5
        memory.fill(poison)
        arena.rewind(to: start)
        let activations = model.activations(for: layout, recording: .full, reading: reading, context)
        model.forward(tinyTokens(layout.tokenCount, seed: 2), layout, activations, Pass(), context)
        return memory.elements.count { $0 == poison }
    }

    @Test func theNetworkOfTheLastBlockRunsOverTheSelectedRows() throws {
        let model = try TinyModel.untied.model(team: team)
        let leftOut = layout.tokenCount - 12
        let saved = try untouchedElements(model, reading: rows) - untouchedElements(model, reading: nil)
        // Gate, up and their product, and the query, of every row that nobody reads.
        let shape = model.configuration
        #expect(saved >= leftOut * (3 * shape.intermediateSize + shape.hiddenSize))
    }

    @Test(arguments: TinyModel.allCases) func inputGradientsOfSomeRows(_ kind: TinyModel) throws {
        let model = try kind.model(team: team)
        let part = try run(model, selects: true)
        let expected = gradients(part)
        model.parameters?.zeroGradients(team)
        let wanted = Array(0..<5) + Array(15..<22)
        let inputs = try #require(RowSelection(wanted.map { Int32($0) }, of: layout))
        for gradientsAsked in [Gradients.inputs, [.inputs, .parameters]] {
            let found = model.backward(
                nil, layout, part.activations, inputRows: inputs, part.pass, part.context.asking(for: gradientsAsked))
            let columns = found.columns
            for row in wanted {
                let theirs = Array(expected.inputs[row * columns..<(row + 1) * columns])
                #expect(
                    mismatch(found.rows(row..<row + 1).elements.map { Double($0) }, theirs, limit: limit, "row \(row)")
                        == nil)
            }
        }
    }

    @Test func fewRowsLeftOutAreComputed() {
        #expect(RowSelection(0..<33, of: layout) == nil)
        #expect(RowSelection([], of: layout) == nil)
        #expect(RowSelection(0..<32, of: layout)?.count == 32)
    }
}
