package import Alignment
import Compute
package import Datasets
import JobModel
package import Transformer

/// Runs pairs through policy and reference and says what the objective makes of them; in training also adds gradients.
///
/// Holds no state of a run: everything that changes belongs to the task.
package final class PreferenceScorer {
    package let policy: PolicyModel
    package let reference: ReferenceModel
    package let plan: PreferencePlan
    package let sharesPrompts: Bool
    let workspace: Workspace

    package init(
        policy: PolicyModel, reference: ReferenceModel, plan: PreferencePlan, sharesPrompts: Bool, workspace: Workspace
    ) {
        self.policy = policy
        self.reference = reference
        self.plan = plan
        self.sharesPrompts = sharesPrompts
        self.workspace = workspace
    }

    /// Pairs to score, with what is known of them beforehand.
    package struct Input {
        package let pairs: [EncodedPair]
        /// One for each pair, for an objective with a triplet term.
        package let anchors: [Anchor]?
        /// Log-probabilities of the responses under the reference; nil lets the reference run.
        package let reference: [PairReferenceScores]?
        /// Token weights that are still good; nil for pairs whose weights are to be computed.
        package let weights: [TokenAttribution.Weights?]

        package init(
            pairs: [EncodedPair], anchors: [Anchor]? = nil, reference: [PairReferenceScores]?,
            weights: [TokenAttribution.Weights?]
        ) {
            self.pairs = pairs
            self.anchors = anchors
            self.reference = reference
            self.weights = weights
        }
    }

    /// What came out for one pair.
    package struct Output {
        package let pair: ScoredPair
        package let outcome: PairOutcome
        /// With the chosen likelihood term.
        package let loss: Double
        package let weights: TokenAttribution.Weights?
        /// Only in evaluation.
        package let statistics: ResponseStatistics?
    }

    /// Adds the gradient of Σ losses / `weight` to the parameters.
    package func accumulate(_ input: Input, _ pass: Pass, weight: Double) throws -> (outputs: [Output], tokens: Int) {
        let batch = PreferenceBatch(input.pairs, anchors: input.anchors, sharesPrompts: sharesPrompts)
        let anchorScores = try anchorReferences(input)
        let outputs = try run(input, batch, recording: policy.recording, pass) { memory, context in
            learn(input, batch, memory, anchorScores, pass, weight: weight, context)
        }
        return (outputs, batch.packed.ids.count)
    }

    /// The same without gradients, anchors and dropout.
    package func evaluate(_ input: Input) throws -> [Output] {
        let batch = PreferenceBatch(input.pairs, sharesPrompts: sharesPrompts)
        let attributes = needsAttribution(input) && plan.importance?.model == .policy
        let recording = attributes ? policy.recording : .none
        return try run(input, batch, recording: recording, Pass(), .statistics) { memory, _ in
            evaluate(input, batch, memory, nil, plan.evaluationObjective)
        }
    }

    /// Bytes that a pass over these pairs takes in training.
    package func byteCount(_ pairs: [EncodedPair], anchors: [Anchor]?, isReferenceCached: Bool) -> Int {
        let input = Input(pairs: pairs, anchors: anchors, reference: nil, weights: pairs.map { _ in nil })
        let batch = PreferenceBatch(pairs, anchors: anchors, sharesPrompts: sharesPrompts)
        let training = shape(input, recording: policy.recording, runsReference: !isReferenceCached)
        let evaluation = shape(input, recording: .none, runsReference: !isReferenceCached, .statistics)
        return [training, evaluation].reduce(0) { largest, shape in
            max(
                largest,
                Workspace.byteCount(workspace.team) {
                    PreferencePass(policy.model, reference: reference.model, batch, shape, $0)
                })
        }
    }
}

// MARK: - One pass

extension PreferenceScorer {
    typealias Weights = TokenAttribution.Weights

    /// Forward passes, head scores and attribution; then `body`.
    private func run(
        _ input: Input, _ batch: PreferenceBatch, recording: DecoderStack.Recording, _ pass: Pass,
        _ request: HeadRequest = [], _ body: (PassResult, Context) throws -> [Output]
    ) throws -> [Output] {
        let model = policy.model
        try model.check(batch.packed.ids, batch.packed.layout)
        let shape = shape(input, recording: recording, runsReference: needsLiveReference(input), request)
        return try workspace.with(gradients: .parameters) {
            PreferencePass(model, reference: reference.model, batch, shape, $0)
        } _: { memory, context in
            try body(try forward(input, batch, memory, pass, context), context)
        }
    }

    /// - Parameter firstRow: rows before it have been computed in the policy's memory.
    func forward(
        _ input: Input, _ batch: PreferenceBatch, _ memory: PreferencePass, from firstRow: Int = 0, _ pass: Pass,
        _ context: Context
    ) throws -> PassResult {
        let model = policy.model
        var weights = input.weights
        try runReference(input, batch, memory, &weights, context)
        if needsAttribution(input), plan.importance?.model == .policy, pass.dropout != nil {
            // Attribution sees no dropout: a forward pass of its own.
            try attribute(batch, model, memory.policy, memory, memory.scores, Pass(), &weights, context)
        }
        model.forward(batch.packed.ids, batch.packed.layout, memory.policy, from: firstRow, pass, context)
        let compared = memory.reference.map { HeadReference(head: reference.model.head, hidden: $0.hidden) }
        score(batch, memory, compared, context)
        if needsAttribution(input), plan.importance?.model == .policy, pass.dropout == nil {
            weights = try fill(weights) {
                try self.weights(batch, model, memory.policy, memory, memory.scores, pass, context)
            }
        }
        return PassResult(memory: memory, weights: weights, compared: compared)
    }

    private func score(
        _ batch: PreferenceBatch, _ memory: PreferencePass, _ compared: HeadReference?, _ context: Context
    ) {
        let (head, hidden) = (policy.model.head, memory.policy.hidden)
        if let slopes = memory.slopes {
            head.score(hidden, batch.targets, into: memory.scores, slopes: slopes, memory.head, context)
        } else {
            head.score(hidden, batch.targets, into: memory.scores, memory.head, reference: compared, context)
        }
    }

    /// What the forward passes left.
    struct PassResult {
        let memory: PreferencePass
        let weights: [Weights?]
        let compared: HeadReference?
    }

    func shape(
        _ input: Input, recording: DecoderStack.Recording, runsReference: Bool, _ request: HeadRequest = []
    ) -> PreferencePass.Shape {
        let attributes = needsAttribution(input) && plan.importance?.model == .reference
        return PreferencePass.Shape(
            policyRecording: recording,
            referenceRecording: attributes ? policy.recording : runsReference ? DecoderStack.Recording.none : nil,
            request: plan.objective.needsDivergence ? request.union(.divergence) : request,
            readsLastTokens: plan.importance?.attribution.target == .afterLast)
    }

    private func needsAttribution(_ input: Input) -> Bool {
        plan.importance != nil && input.weights.contains { $0 == nil }
    }

    /// The reference must run over the whole batch: for its distribution, for scores that are not cached, for anchors
    /// on the rows of the chosen response, or for attribution.
    func needsLiveReference(_ input: Input) -> Bool {
        input.reference == nil || plan.objective.needsDivergence
            || input.anchors?.contains { $0.followsChosen } ?? false
            || needsAttribution(input) && plan.importance?.model == .reference
    }

    private func runReference(
        _ input: Input, _ batch: PreferenceBatch, _ memory: PreferencePass, _ weights: inout [Weights?],
        _ context: Context
    ) throws {
        guard let activations = memory.reference, let scores = memory.referenceScores else { return }
        let hidden = reference.model.forward(
            batch.packed.ids, batch.packed.layout, activations, reference.pass, context)
        reference.model.head.score(hidden, batch.targets, into: scores, memory.head, context)
        guard needsAttribution(input), plan.importance?.model == .reference else { return }
        weights = try fill(weights) {
            try self.weights(batch, reference.model, activations, memory, scores, reference.pass, context)
        }
    }

    private func attribute(
        _ batch: PreferenceBatch, _ model: LanguageModel, _ a: LanguageModel.Activations, _ memory: PreferencePass,
        _ scores: HeadScores, _ pass: Pass, _ weights: inout [Weights?], _ context: Context
    ) throws {
        model.forward(batch.packed.ids, batch.packed.layout, a, pass, context)
        let compared = memory.reference.map { HeadReference(head: reference.model.head, hidden: $0.hidden) }
        model.head.score(a.hidden, batch.targets, into: scores, memory.head, reference: compared, context)
        weights = try fill(weights) { try self.weights(batch, model, a, memory, scores, pass, context) }
    }

    private func weights(
        _ batch: PreferenceBatch, _ model: LanguageModel, _ a: LanguageModel.Activations, _ memory: PreferencePass,
        _ scores: HeadScores, _ pass: Pass, _ context: Context
    ) throws -> [Weights] {
        guard let attribution = plan.importance?.attribution else { return [] }
        return try attribution.weights(batch, model, a, memory, scores: scores, pass, context)
    }

    /// Puts computed weights where none were known.
    private func fill(_ known: [Weights?], _ compute: () throws -> [Weights]) throws -> [Weights?] {
        zip(known, try compute()).map { $0 ?? $1 }
    }

    /// Log-probabilities of anchors under a reference that does not run over the whole batch.
    func anchorReferences(_ input: Input) throws -> [[Double]]? {
        guard let anchors = input.anchors, !needsLiveReference(input) else { return nil }
        return try reference.score(anchors, after: input.pairs, workspace)
    }
}

// MARK: - From scores to gradients

extension PreferenceScorer {
    /// Losses, and their gradients down to the parameters.
    func learn(
        _ input: Input, _ batch: PreferenceBatch, _ result: PassResult, _ anchorScores: [[Double]]?, _ pass: Pass,
        weight: Double, _ context: Context
    ) -> [Output] {
        let outputs = evaluate(input, batch, result, anchorScores, plan.objective)
        differentiate(outputs, batch, result, scale: 1 / weight)
        backward(batch, result, pass, context)
        return outputs
    }

    private func evaluate(
        _ input: Input, _ batch: PreferenceBatch, _ result: PassResult, _ anchorScores: [[Double]]?,
        _ objective: PreferenceObjective<NamedPairLoss>
    ) -> [Output] {
        let memory = result.memory
        func scores(
            _ response: PreferenceBatch.Response, known: [Double]?, importance: [Double]?
        ) -> TokenScores {
            let range = response.scores
            let live = memory.referenceScores?.logProbabilities.doubles(range)
            return TokenScores(
                policy: memory.scores.logProbabilities.doubles(range), reference: known ?? live ?? range.map { _ in 0 },
                importance: importance,
                divergence: objective.needsDivergence ? memory.scores.divergence.doubles(range) : nil)
        }
        return batch.pairs.enumerated().map { index, pair in
            let cached = input.reference?[index]
            let weights = result.weights[index]
            let scored = ScoredPair(
                chosen: scores(
                    pair.chosen, known: cached.map { $0.chosen.map(Double.init) }, importance: weights?.chosen),
                rejected: scores(
                    pair.rejected, known: cached.map { $0.rejected.map(Double.init) }, importance: weights?.rejected),
                anchor: pair.anchor.map { scores($0, known: anchorScores?[index], importance: nil) })
            let outcome = objective.evaluate(scored)
            let likelihood = -scored.chosen.logProbability / Double(max(1, scored.chosen.count))
            return Output(
                pair: scored, outcome: outcome, loss: outcome.loss + plan.chosenLikelihoodWeight * likelihood,
                weights: weights,
                statistics: memory.scores.request.contains(.statistics)
                    ? ResponseStatistics(pair, batch.targets, memory.scores) : nil)
        }
    }

    /// Derivatives of the step's mean loss with respect to what the head said.
    private func differentiate(
        _ outputs: [Output], _ batch: PreferenceBatch, _ result: PassResult, scale: Double
    ) {
        let (ofLogProbability, ofDivergence) = (result.memory.logProbabilityGradient, result.memory.divergenceGradient)
        ofLogProbability.fill(0)
        ofDivergence.fill(0)
        func put(_ gradients: TokenGradients?, _ response: PreferenceBatch.Response?, added: Double = 0) {
            guard let gradients, let response else { return }
            for (offset, row) in response.scores.enumerated() {
                ofLogProbability[row, 0] = Real(scale * (gradients.logProbabilities[offset] + added))
                if let divergence = gradients.divergence { ofDivergence[row, 0] = Real(scale * divergence[offset]) }
            }
        }
        for (output, pair) in zip(outputs, batch.pairs) {
            let likelihood = -plan.chosenLikelihoodWeight / Double(max(1, pair.chosen.scores.count))
            put(output.outcome.chosen, pair.chosen, added: likelihood)
            put(output.outcome.rejected, pair.rejected)
            put(output.outcome.anchor, pair.anchor)
        }
    }

    private func backward(_ batch: PreferenceBatch, _ result: PassResult, _ pass: Pass, _ context: Context) {
        let (memory, model) = (result.memory, policy.model)
        memory.policy.hiddenGradient.fill(0)
        if let slopes = memory.slopes {
            model.head.backward(
                memory.logProbabilityGradient, through: slopes, batch.targets,
                hiddenGradient: memory.policy.hiddenGradient, context)
        } else {
            model.head.backward(
                HeadGradient(
                    logProbabilities: memory.logProbabilityGradient,
                    divergence: plan.objective.needsDivergence ? memory.divergenceGradient : nil),
                hidden: memory.policy.hidden, batch.targets, memory.scores, memory.head, reference: result.compared,
                hiddenGradient: memory.policy.hiddenGradient, context)
        }
        model.backward(batch.packed.ids, batch.packed.layout, memory.policy, pass, context)
    }
}
