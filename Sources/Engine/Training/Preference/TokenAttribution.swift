package import Alignment
import Compute
import Datasets
import Transformer

/// TI-DPO's attribution: the gradient of a target scalar with respect to the input embeddings, and from its norms the
/// weight of every response token (eq. 5-8).
package struct TokenAttribution: Sendable {
    package let target: Alignment.AttributionTarget
    package let importance: TokenImportance

    package init(target: Alignment.AttributionTarget, importance: TokenImportance) {
        self.target = target
        self.importance = importance
    }

    /// Token weights of one pair.
    package struct Weights: Sendable, Equatable {
        package var chosen: [Double]
        package var rejected: [Double]

        package init(chosen: [Double], rejected: [Double]) {
            self.chosen = chosen
            self.rejected = rejected
        }
    }

    private enum Side: CaseIterable { case chosen, rejected }

    /// Weights of every pair of a batch, by backward passes on the activations of a forward pass that has just run.
    ///
    /// Reads the hidden states and head scores; uses up the hidden gradient. Branches do not see each other, so both
    /// targets go down in one pass and the gradients of response rows are exact. Prompt rows shared by both would get
    /// the sum, so a span that includes the prompt takes one pass for each side. Importances of responses alone do not
    /// take the prompts' rows down, which see nothing of the responses, nor those of anchors, which no target reads.
    func weights(
        _ batch: PreferenceBatch, _ model: LanguageModel, _ a: LanguageModel.Activations, _ memory: PreferencePass,
        scores: HeadScores, _ pass: Pass, _ context: Context
    ) throws -> [Weights] {
        let context = context.asking(for: .inputs)
        let window = importance.span == .response && pass.dropout == nil ? batch.responseRows : nil
        func attribution(_ sides: [Side]) -> [Double] {
            a.hiddenGradient.fill(0)
            differentiateTarget(of: sides, batch, model, a, memory, scores, context)
            let gradient = model.backward(batch.packed.ids, batch.packed.layout, a, window: window, pass, context)
            return importance.norm(gradient)
        }
        let isSplit = importance.span == .full && batch.sharesPrompts && target != .margin
        let chosen = attribution(isSplit ? [.chosen] : Side.allCases)
        let rejected = isSplit ? attribution([.rejected]) : chosen
        return try batch.pairs.map { pair in
            Weights(
                chosen: try weights(of: pair.chosen, chosen), rejected: try weights(of: pair.rejected, rejected))
        }
    }

    private func weights(of response: PreferenceBatch.Response, _ norms: [Double]) throws -> [Double] {
        try importance.responseWeights(
            attribution: Array(norms[response.promptRows]) + Array(norms[response.tokenRows]),
            promptCount: response.promptRows.count)
    }

    /// Puts ∂target/∂hidden into the hidden gradient.
    private func differentiateTarget(
        of sides: [Side], _ batch: PreferenceBatch, _ model: LanguageModel, _ a: LanguageModel.Activations,
        _ memory: PreferencePass, _ scores: HeadScores, _ context: Context
    ) {
        let responses = batch.pairs.flatMap { pair in
            sides.map { side in (side, side == .chosen ? pair.chosen : pair.rejected) }
        }
        switch target {
        case .predictLast, .afterLast:
            let rows = responses.map { _, response in
                target == .afterLast
                    ? Int32(response.tokenRows.upperBound - 1) : batch.targets.rows[response.scores.upperBound - 1]
            }
            model.head.maximumLogitGradient(
                a.hidden, rows: rows, into: memory.maxima, memory.head, hiddenGradient: a.hiddenGradient, context)
        case .responseNLL, .margin:
            memory.logProbabilityGradient.fill(0)
            for (side, response) in responses {
                let sign: Real = target == .margin && side == .chosen ? 1 : -1
                memory.logProbabilityGradient.rows(response.scores).fill(sign)
            }
            model.head.backward(
                HeadGradient(logProbabilities: memory.logProbabilityGradient), hidden: a.hidden, batch.targets, scores,
                memory.head, hiddenGradient: a.hiddenGradient, context)
        }
    }
}
