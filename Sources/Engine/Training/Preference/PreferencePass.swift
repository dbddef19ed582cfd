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
    private let readsLastTokens: Bool

    init(
        _ model: LanguageModel, reference: LanguageModel?, _ batch: PreferenceBatch, _ shape: Shape, _ context: Context
    ) {
        let (layout, arena, count) = (batch.packed.layout, context.arena, batch.targets.count)
        let reading = batch.rowsRead(shape.readsLastTokens)
        readsLastTokens = shape.readsLastTokens
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

    /// The same memory for a batch of the same pairs with shorter anchors, whose reference does not run in the pass.
    func viewing(_ batch: PreferenceBatch) -> PreferencePass { PreferencePass(self, batch) }

    private init(_ whole: PreferencePass, _ batch: PreferenceBatch) {
        let count = batch.targets.count
        policy = whole.policy.viewing(batch.packed.layout, reading: batch.rowsRead(whole.readsLastTokens))
        (reference, referenceScores) = (nil, nil)
        scores = whole.scores.first(count)
        (head, maxima, readsLastTokens) = (whole.head, whole.maxima, whole.readsLastTokens)
        slopes = whole.slopes?.rows(0..<count)
        logProbabilityGradient = whole.logProbabilityGradient.rows(0..<count)
        divergenceGradient = whole.divergenceGradient
    }
}

extension PreferenceBatch {
    /// Rows of hidden states that are read: those of targets, and of the last token of every chosen and rejected
    /// response where attribution starts there.
    func rowsRead(_ readsLastTokens: Bool) -> [Int32] {
        guard readsLastTokens else { return targets.rows }
        return targets.rows
            + pairs.flatMap { [$0.chosen, $0.rejected] }.map { Int32($0.tokenRows.upperBound - 1) }
    }
}

extension Matrix {
    /// Some rows of a column, in Double.
    func doubles(_ range: Range<Int>) -> [Double] { range.map { Double(self[$0, 0]) } }
}
