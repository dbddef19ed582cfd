import Alignment
import Compute
import Datasets
import JobModel
package import Transformer

// Where a step is one microbatch, its anchors are sampled within its training pass: the rows of the prompts are
// computed once for both. Anchors of several microbatches are decoded together instead, before the step, which saves
// more.

extension PreferenceScorer {
    /// What the anchors of a microbatch are sampled with.
    package struct AnchorSampling {
        let sampler: AnchorSampler
        let rows: [Int]
        let step: Int

        /// - Parameters:
        ///   - rows: numbers of the pairs.
        ///   - step: steps done.
        package init(_ sampler: AnchorSampler, rows: [Int], step: Int) {
            self.sampler = sampler
            self.rows = rows
            self.step = step
        }
    }

    /// Whether the pass that trains on some pairs can begin with the one that sampling begins with: over prompts that
    /// exist once, by the same model without dropout, with everything recorded; and nothing needs the reference's pass.
    package func canSample(_ sampler: AnchorSampler, _ pass: Pass, pairs: Int, isReferenceCached: Bool) -> Bool {
        sampler.continuesPrompts && sharesPrompts && policy.recording == .full && pass.dropout == nil
            && isReferenceCached && !plan.objective.needsDivergence && plan.importance?.model != .reference
            && pairs <= AnchorSampler.group
    }

    /// Samples anchors and adds the gradient of Σ losses / `weight` to the parameters. `input` has no anchors yet.
    package func accumulate(
        _ input: Input, sampling: AnchorSampling, weight: Double
    ) throws -> (outputs: [Output], tokens: Int) {
        let (pairs, sampler, model) = (input.pairs, sampling.sampler, policy.model)
        let longest = PreferenceBatch(pairs, anchors: sampler.longestAnchors(pairs), sharesPrompts: sharesPrompts)
        try model.check(longest.packed.ids, longest.packed.layout)
        let shape = shape(input, recording: policy.recording, runsReference: false)
        let beside = try byteCount(besideSampling: input, sampler)
        return try workspace.with(gradients: .parameters) { context in
            let memory = PreferencePass(model, reference: nil, longest, shape, context)
            let mark = context.arena.mark()
            _ = context.arena.matrix(1, beside / MemoryLayout<Real>.stride + 1)
            context.arena.rewind(to: mark)
            return memory
        } _: { memory, context in
            let prompts = SequenceLayout(lengths: pairs.map(\.prompt.count))
            let lastRows = prompts.segments.map { Int32($0.tokens.upperBound - 1) }
            let anchors = try sampler.anchors(
                pairs, rows: sampling.rows, step: sampling.step,
                recordingPrompts: memory.policy.viewing(prompts, reading: lastRows), model, workspace)
            let sampled = Input(pairs: pairs, anchors: anchors, reference: input.reference, weights: input.weights)
            let anchorScores = try anchorReferences(sampled)
            let batch = PreferenceBatch(pairs, anchors: anchors, sharesPrompts: sharesPrompts)
            let result = try forward(
                sampled, batch, memory.viewing(batch), from: prompts.tokenCount, Pass(), context)
            let outputs = learn(sampled, batch, result, anchorScores, Pass(), weight: weight, context)
            return (outputs, batch.packed.ids.count)
        }
    }

    /// Bytes that sampling, and the reference of what it samples, take beside the memory of the training pass.
    func byteCount(besideSampling input: Input, _ sampler: AnchorSampler) throws -> Int {
        let anchors = sampler.longestAnchors(input.pairs)
        return max(
            try sampler.byteCount(input.pairs, policy.model, workspace),
            reference.byteCount(anchors, after: input.pairs, workspace))
    }
}
