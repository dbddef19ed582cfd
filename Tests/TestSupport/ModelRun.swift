package import Compute
package import Transformer

/// One pass of a model over some packed tokens, with memory of exactly the measured size.
package final class ModelRun {
    package let model: LanguageModel
    package let ids: [Int32]
    package let layout: SequenceLayout
    package let targets: HeadTargets
    package let pass: Pass
    package let context: Context
    package let activations: LanguageModel.Activations
    package let scores: HeadScores
    package let scratch: HeadScratch
    /// ∂L/∂log p of every target; to be filled by the caller.
    package let gradient: Matrix
    package let arena: Arena

    package init(
        _ model: LanguageModel, _ ids: [Int32], _ layout: SequenceLayout, _ targets: HeadTargets,
        recording: DecoderStack.Recording = .full, reading: [Int32]? = nil, request: HeadRequest = [],
        pass: Pass = Pass(), gradients: Gradients = [.inputs, .parameters], team: ThreadTeam
    ) throws {
        func layOut(
            _ context: Context
        ) -> (LanguageModel.Activations, HeadScores, HeadScratch, Matrix) {
            (
                model.activations(for: layout, recording: recording, reading: reading, context),
                HeadScores(count: targets.count, request, in: context.arena),
                model.head.scratch(count: targets.count, request, in: context.arena),
                context.arena.matrix(targets.count, 1)
            )
        }
        try model.check(ids, layout)
        let measure = Arena.measuring()
        _ = layOut(Context(arena: measure, team: team))
        self.model = model
        self.ids = ids
        self.layout = layout
        self.targets = targets
        self.pass = pass
        arena = try Arena(byteCount: max(1, measure.highWaterMark))
        context = Context(arena: arena, team: team, gradients: gradients)
        (activations, scores, scratch, gradient) = layOut(context)
    }

    /// Separate sequences; every token but the first of each is a target.
    package convenience init(
        _ model: LanguageModel, sequences: [[Int32]], recording: DecoderStack.Recording = .full,
        request: HeadRequest = [], pass: Pass = Pass(), gradients: Gradients = [.inputs, .parameters],
        team: ThreadTeam
    ) throws {
        let layout = SequenceLayout(lengths: sequences.map(\.count))
        var (rows, ids): ([Int32], [Int32]) = ([], [])
        for (sequence, segment) in zip(sequences, layout.segments) {
            rows += segment.tokens.dropLast().map { Int32($0) }
            ids += sequence.dropFirst()
        }
        try self.init(
            model, sequences.flatMap { $0 }, layout, HeadTargets(rows: rows, ids: ids), recording: recording,
            request: request, pass: pass, gradients: gradients, team: team)
    }

    /// Hidden states, then the scores of all targets.
    package func forward(reference: HeadReference? = nil) {
        forwardHidden()
        model.head.score(
            activations.hidden, targets, into: scores, scratch, reference: reference, context)
    }

    /// Hidden states only.
    package func forwardHidden() {
        model.forward(ids, layout, activations, pass, context)
    }

    /// Gradients from `gradient` and the given divergence gradients; returns ∂/∂embeddings.
    @discardableResult
    package func backward(
        divergence: Matrix? = nil, reverseDivergence: Matrix? = nil, reference: HeadReference? = nil
    ) -> Matrix {
        zero(activations.hiddenGradient, context)
        model.head.backward(
            HeadGradient(
                logProbabilities: gradient, divergence: divergence, reverseDivergence: reverseDivergence),
            hidden: activations.hidden, targets, scores, scratch, reference: reference,
            hiddenGradient: activations.hiddenGradient, context)
        return backwardHidden()
    }

    /// From `activations.hiddenGradient` down; returns ∂/∂embeddings.
    @discardableResult
    package func backwardHidden() -> Matrix {
        model.backward(ids, layout, activations, pass, context)
    }

    /// Mean negative log-probability of the targets after a forward pass.
    package var meanLoss: Double { -logProbabilities.reduce(0, +) / Double(targets.count) }

    package var logProbabilities: [Double] { scores.logProbabilities.doubles }

    /// All logits of the given rows.
    package func logits(rows: Range<Int>) throws -> [Double] {
        let logits = try Arena(byteCount: rows.count * model.head.vocabularySize * 8 + 64)
            .retainedMatrix(rows.count, model.head.vocabularySize)
        model.head.logits(activations.hidden.rows(rows), into: logits.matrix, context)
        return logits.matrix.doubles
    }

    /// Zeroes the parameter gradients and computes those of the mean loss.
    package func meanLossGradients() {
        model.parameters?.zeroGradients(context.team)
        gradient.fill(-1 / Real(targets.count))
        backward()
    }
}

/// A matrix with the arena that holds it.
package struct RetainedMatrix {
    package let matrix: Matrix
    private let arena: Arena

    init(matrix: Matrix, arena: Arena) {
        self.matrix = matrix
        self.arena = arena
    }
}

extension Arena {
    /// A matrix that keeps this arena alive.
    package func retainedMatrix(_ rows: Int, _ columns: Int) -> RetainedMatrix {
        RetainedMatrix(matrix: matrix(rows, columns), arena: self)
    }
}
