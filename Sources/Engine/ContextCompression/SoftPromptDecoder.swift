package import Compute
package import Transformer

/// A language model that reads soft tokens in front of its tokens: the decoder of both stages.
///
/// Frozen (autoencoder) it computes input gradients only, and those of soft tokens alone; in fine-tuning soft tokens
/// are constants and its own parameters get gradients. The last layer computes rows that predict a target; of the
/// others it needs keys and values.
package struct SoftPromptDecoder {
    /// The decoder.
    package let model: LanguageModel

    /// A model as decoder.
    package init(_ model: LanguageModel) {
        self.model = model
    }

    /// Memory of one pass over some samples.
    package struct Activations {
        /// The model's; `model.hidden` has the states that predict.
        package let model: LanguageModel.Activations
        /// One for each target.
        package let scores: HeadScores
        let head: HeadScratch
        let scoreGradient: Matrix
        /// Rows whose input gradient is read: soft tokens and the learned prompt; nil for all.
        let inputRows: RowSelection?
    }

    /// Lays out the memory of a pass over `layout`, and of its adjoint unless nothing is recorded.
    package func activations(
        for layout: SoftPromptLayout, recording: DecoderStack.Recording, request: HeadRequest = [],
        _ context: Context
    ) -> Activations {
        let count = layout.targets.count
        let inputs = layout.softRows.flatMap(\.rows) + layout.promptRows
        return Activations(
            model: model.activations(
                for: layout.sequences, recording: recording, reading: layout.targets.rows, context),
            scores: HeadScores(count: count, request, in: context.arena),
            head: model.head.scratch(count: count, request, in: context.arena),
            scoreGradient: context.arena.matrix(count, 1),
            inputRows: trainsEmbedding ? nil : RowSelection(inputs.map { Int32($0) }, of: layout.sequences))
    }

    /// Hidden states of every row; they stay in `activations.model.hidden`.
    ///
    /// - Parameters:
    ///   - softTokens: those of all samples, hidden wide.
    ///   - prompt: the learned prompt, 1 × hidden, where the layout has rows for it.
    @discardableResult
    package func forward(
        _ softTokens: Matrix, prompt: Matrix? = nil, _ layout: SoftPromptLayout, _ a: Activations, _ pass: Pass,
        _ context: Context
    ) -> Matrix {
        let input = a.model.stack.input
        precondition(layout.promptRows.isEmpty || prompt != nil, "rows for a learned prompt need one")
        if let prompt { for row in layout.promptRows { input.rows(row..<row + 1).copy(from: prompt) } }
        for soft in layout.softRows { input.rows(soft.rows).copy(from: softTokens.rows(soft.softTokens)) }
        for text in layout.textRows { model.embedding.forward(text.ids, into: input.rows(text.rows), context) }
        return model.forward(layout.sequences, a.model, pass, context)
    }

    /// Fills `activations.scores` after a forward pass.
    package func score(_ layout: SoftPromptLayout, _ a: Activations, _ context: Context) {
        model.head.score(a.model.hidden, layout.targets, into: a.scores, a.head, context)
    }

    /// Scores the targets and runs backward from the loss Σ −log p / weight, after a forward pass that recorded.
    ///
    /// - Parameters:
    ///   - weight: number of target tokens that the mean goes over, those of other micro-batches included.
    ///   - softTokenGradient: overwritten with ∂loss/∂soft tokens; nil when they are constants.
    ///   - promptGradient: ∂loss/∂learned prompt is added to it.
    /// - Returns: the loss in nats.
    package func backward(
        weight: Double, softTokenGradient: Matrix?, promptGradient: Matrix? = nil, _ layout: SoftPromptLayout,
        _ a: Activations, _ pass: Pass, _ context: Context
    ) -> Double {
        let context = context.asking(for: gradients(softTokens: softTokenGradient != nil))
        a.scoreGradient.fill(Real(-1 / weight))
        zero(a.model.hiddenGradient, context)
        model.head.scoreAndBackward(
            HeadGradient(logProbabilities: a.scoreGradient), hidden: a.model.hidden, layout.targets, into: a.scores,
            a.head, hiddenGradient: a.model.hiddenGradient, context)
        let input = model.backward(nil, layout.sequences, a.model, inputRows: a.inputRows, pass, context)
        if let softTokenGradient {
            for soft in layout.softRows { softTokenGradient.rows(soft.softTokens).copy(from: input.rows(soft.rows)) }
        }
        if let promptGradient {
            for row in layout.promptRows { accumulate(input.rows(row..<row + 1), into: promptGradient, context) }
        }
        if trainsEmbedding {
            for text in layout.textRows { model.embedding.backward(input.rows(text.rows), ids: text.ids, context) }
        }
        return a.scores.negativeLogLikelihood / weight
    }

    /// Input gradients only where somebody reads them, parameter gradients only where there are parameters.
    private func gradients(softTokens: Bool) -> Gradients {
        var gradients: Gradients = []
        if softTokens || trainsEmbedding { gradients.insert(.inputs) }
        if model.parameters != nil { gradients.insert(.parameters) }
        return gradients
    }

    private var trainsEmbedding: Bool { model.embedding.weight.gradient != nil }
}

extension HeadScores {
    /// Σ −log p of all targets, in nats, added in Double.
    package var negativeLogLikelihood: Double {
        (0..<logProbabilities.rows).reduce(0) { $0 - Double(logProbabilities[$1, 0]) }
    }
}

extension TrainedTensors {
    /// Knowledge-extraction fine-tuning (KEFT): query, key and value projections of every layer, with their biases.
    package static let keft = TrainedTensors { entry in
        guard case .layer(_, let role) = entry.role else { return false }
        return [.query, .key, .value, .queryBias, .keyBias, .valueBias].contains(role)
    }
}
