import Compute
import TestSupport
import Testing
import Transformer

/// Parts of a pass: responses whose input gradients need no prompts, and rows that continue what is there.
@Suite struct RowWindowTests {
    private let team: ThreadTeam
    private let limit = isDoublePrecision ? 1e-11 : 3e-5
    /// Rows 0 to 20 are prompts, 21 to 34 two responses to each, 35 to 39 one more.
    private let layout = SequenceLayout.sharedPromptByLevel([
        (prompt: 9, branches: [4, 3, 2]), (prompt: 12, branches: [5, 2, 3]),
    ])
    private let prompts = 0..<21
    private let responses = 21..<35
    /// Rows that predict: ends of prompts, and responses but for their ends.
    private let rows: [Int32] = [8, 21, 22, 23, 20, 25, 26, 27, 28, 8, 30, 31, 20, 33, 8, 35, 20, 37, 38]

    init() throws { team = try ThreadTeam(threads: 2) }

    private func run(
        _ model: LanguageModel, _ layout: SequenceLayout, _ rows: [Int32],
        _ recording: DecoderStack.Recording = .full, selects: Bool
    ) throws -> ModelRun {
        try ModelRun(
            model, tinyTokens(layout.tokenCount, seed: 2), layout,
            HeadTargets(rows: rows, ids: tinyTokens(rows.count, seed: 3)), recording: recording,
            reading: selects ? rows : nil, team: team)
    }

    private func fill(_ gradient: Matrix, _ rows: ArraySlice<Int32>) {
        gradient.fill(0)
        for (index, row) in rows.enumerated() {
            gradient.rows(Int(row)..<Int(row) + 1).fill(0.1 * Real(index % 5 - 2))
        }
    }

    @Test func rowsAreThoseOfAnyOtherOrder() throws {
        let model = try TinyModel.headNorms.model(team: team)
        let run = try run(model, layout, rows, selects: false)
        run.forward()
        let ids = tinyTokens(layout.tokenCount, seed: 2)
        let trees = [([0..<9], [21..<25, 30..<33, 35..<37]), ([9..<21], [25..<30, 33..<35, 37..<40])]
        for (prompt, branches) in trees {
            for branch in branches {
                let own = (prompt + [branch]).flatMap { $0 }
                let alone = try ModelRun(
                    model, own.map { ids[$0] }, SequenceLayout(lengths: [own.count]),
                    HeadTargets(rows: [0], ids: [1]), team: team)
                alone.forward()
                for (row, place) in own.enumerated() {
                    let found = run.activations.hidden.rows(place..<place + 1).elements.map { Double($0) }
                    let expected = alone.activations.hidden.rows(row..<row + 1).elements.map { Double($0) }
                    #expect(mismatch(found, expected, limit: limit, "row \(place)") == nil)
                }
            }
        }
    }

    /// Targets of the first two branches: no gradient comes from the third.
    @Test(arguments: TinyModel.allCases, [DecoderStack.Recording.full, .blockInputs])
    func responsesNeedNoPrompts(_ kind: TinyModel, _ recording: DecoderStack.Recording) throws {
        let model = try kind.model(layers: 3, team: team)
        for selects in [true, false] {
            let run = try run(model, layout, rows, recording, selects: selects)
            run.forward()
            let inputs = run.context.asking(for: .inputs)
            fill(run.activations.hiddenGradient, rows.prefix(14))
            let whole = model.backward(nil, layout, run.activations, Pass(), inputs).rows(responses).doubles
            let part = model.backward(
                nil, layout, run.activations, window: RowWindow(responses, of: layout), Pass(), inputs)
            #expect(mismatch(part.rows(responses).doubles, whole, limit: limit, "input gradients") == nil)
            #expect(whole.contains { $0 != 0 })
        }
    }

    /// Prompts alone, then the rest in the same memory: with a last block of selected rows, and with a whole one.
    @Test(arguments: TinyModel.allCases, [true, false])
    func aPassOverPromptsIsContinued(_ kind: TinyModel, _ selects: Bool) throws {
        let model = try kind.model(layers: 3, team: team)
        let expected = try run(model, layout, rows, selects: selects)
        let longer = SequenceLayout.sharedPromptByLevel([
            (prompt: 9, branches: [4, 3, 6]), (prompt: 12, branches: [5, 2, 7]),
        ])
        let memory = try run(model, longer, rows, selects: selects)
        let ids = tinyTokens(layout.tokenCount, seed: 2)
        let beginning = SequenceLayout(lengths: [9, 12])
        let first = memory.activations.viewing(beginning, reading: [8, 20])
        model.forward(Array(ids[prompts]), beginning, first, Pass(), memory.context)
        let end = first.hidden.rows(20..<21).doubles
        let second = memory.activations.viewing(layout, reading: rows)
        model.forward(ids, layout, second, from: prompts.count, Pass(), memory.context)
        expected.forward()
        let expectedEnd = expected.activations.hidden.rows(20..<21).doubles
        #expect(mismatch(end, expectedEnd, limit: limit, "end of a prompt") == nil)
        #expect(mismatch(second.hidden.doubles, expected.activations.hidden.doubles, limit: limit, "hidden") == nil)
        let gradients = [expected.activations, second].map { activations in
            model.parameters?.zeroGradients(team)
            fill(activations.hiddenGradient, rows[...])
            let inputs = model.backward(nil, layout, activations, Pass(), memory.context).doubles
            return (model.parameters?.gradients?.doubles ?? []) + inputs
        }
        #expect(mismatch(gradients[1], gradients[0], limit: limit, "gradients") == nil)
    }
}
