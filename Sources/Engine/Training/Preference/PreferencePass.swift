import Compute
import Datasets
import Transformer

/// Memory of one pass over a preference batch: the policy, the reference beside it where it runs, and the head.
struct PreferencePass {
    /// What a pass is laid out for.
    struct Shape {
        let policyRecording: DecoderStack.Recording
        /// nil: the reference does not run in this pass.
        let referenceRecording: DecoderStack.Recording?
        let request: HeadRequest
        /// Whether attribution starts from the last token of each response, which predicts nothing.
        let readsLastTokens: Bool
    }

    let policy: LanguageModel.Activations
    let reference: LanguageModel.Activations?
    let scores: HeadScores
    let referenceScores: HeadScores?
    let head: HeadScratch
    /// Derivatives of the log-probabilities with respect to their hidden rows, where the loss needs no more of the
    /// logits.
    let slopes: Matrix?
    let maxima: HeadMaxima
    /// Derivatives of the loss, one for each target.
    let logProbabilityGradient: Matrix
    let divergenceGradient: Matrix

    init(
        _ model: LanguageModel, reference: LanguageModel?, _ batch: PreferenceBatch, _ shape: Shape, _ context: Context
    ) {
        let (layout, arena, count) = (batch.packed.layout, context.arena, batch.targets.count)
        let reading = batch.targets.rows + (shape.readsLastTokens ? batch.lastTokenRows : [])
        policy = model.activations(for: layout, recording: shape.policyRecording, reading: reading, context)
        self.reference = shape.referenceRecording.flatMap { recording in
            reference.map { $0.activations(for: layout, recording: recording, reading: reading, context) }
        }
        scores = HeadScores(count: count, shape.request, in: arena)
        referenceScores = self.reference == nil ? nil : HeadScores(count: count, [], in: arena)
        head = model.head.scratch(
            count: count, shape.request, referenceHiddenSize: reference?.configuration.hiddenSize, in: arena)
        let needsNoLogits = shape.policyRecording != .none && shape.request.isEmpty && !model.head.isTrained
        slopes = needsNoLogits ? arena.matrix(count, model.configuration.hiddenSize) : nil
        maxima = HeadMaxima(count: 2 * batch.pairs.count, in: arena)
        logProbabilityGradient = arena.matrix(count, 1)
        divergenceGradient = arena.matrix(shape.request.contains(.divergence) ? count : 0, 1)
    }
}

extension PreferenceBatch {
    /// Rows of the last token of every chosen and rejected response.
    var lastTokenRows: [Int32] {
        pairs.flatMap { [$0.chosen, $0.rejected] }.map { Int32($0.tokenRows.upperBound - 1) }
    }
}

extension Matrix {
    /// Some rows of a column, in Double.
    func doubles(_ range: Range<Int>) -> [Double] { range.map { Double(self[$0, 0]) } }
}
