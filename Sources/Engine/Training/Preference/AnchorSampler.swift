import Compute
package import Datasets
package import JobModel
package import Transformer

/// Samples the anchors of TI-DPO's triplet from the policy, without gradient.
///
/// Every token is a function of (seed, step, row, position): the same anchors whenever the step is done again.
package struct AnchorSampler {
    package let objective: TIDPOObjective
    package let seed: Int64
    /// Most tokens of prompt and anchor together.
    package let maximumLength: Int
    package let endOfSequence: Int32?

    /// Prompts that are decoded together; more need more memory for their caches.
    static let group = 32

    package init(_ objective: TIDPOObjective, seed: Int64, maximumLength: Int, endOfSequence: Int32?) {
        self.objective = objective
        self.seed = seed
        self.maximumLength = maximumLength
        self.endOfSequence = endOfSequence
    }

    /// Whether anchors continue prompts and nothing more, so that sampling and training read the same rows.
    var continuesPrompts: Bool { objective.anchorSource == .prompt }

    /// Anchors of one microbatch as long as they can become.
    func longestAnchors(_ pairs: [EncodedPair]) -> [Anchor] {
        pairs.map { Anchor(tokens: Array(repeating: 0, count: room(after: $0.prompt.count)), followsChosen: false) }
    }

    private func room(after length: Int) -> Int { max(1, min(objective.anchorMaxNew, maximumLength - length)) }

    /// Anchors of one microbatch, after prompts whose activations stay in `prompts` for a pass that continues them.
    func anchors(
        _ pairs: [EncodedPair], rows: [Int], step: Int, recordingPrompts prompts: LanguageModel.Activations,
        _ model: LanguageModel, _ workspace: Workspace
    ) throws -> [Anchor] {
        precondition(continuesPrompts && pairs.count <= Self.group, "prompts alone, no more than fit")
        return try continued(pairs, rows: rows, step: step, recordingPrompts: prompts, model, workspace)
    }

    /// Anchors of some rows at one step.
    package func anchors(
        _ pairs: [EncodedPair], rows: [Int], step: Int, _ model: LanguageModel, _ workspace: Workspace,
        _ stop: StopSignal
    ) throws -> [Anchor] {
        var anchors: [Anchor] = []
        for start in stride(from: 0, to: pairs.count, by: Self.group) {
            let range = start..<min(start + Self.group, pairs.count)
            let (pairs, rows) = (Array(pairs[range]), Array(rows[range]))
            anchors +=
                objective.anchorSource == .teacherForced
                ? try alongChosen(pairs, rows: rows, step: step, model, workspace)
                : try continued(pairs, rows: rows, step: step, model, workspace)
            try stop.check()
        }
        return anchors
    }

    /// Bytes that sampling takes for these pairs, at most.
    func byteCount(_ pairs: [EncodedPair], _ model: LanguageModel, _ workspace: Workspace) throws -> Int {
        let request = GenerationRequest(prompts: pairs.map(\.prompt), maximumNewTokens: objective.anchorMaxNew)
        return try model.generationByteCount(request, team: workspace.team)
    }

    /// The same for the rows of a step with prompts of this length.
    package func byteCount(prompt: Int, rows: Int, _ model: LanguageModel, _ workspace: Workspace) -> Int {
        let request = GenerationRequest(
            prompts: Array(repeating: Array(repeating: 0, count: prompt), count: min(rows, Self.group)),
            maximumNewTokens: objective.anchorMaxNew)
        return (try? model.generationByteCount(request, team: workspace.team)) ?? 0
    }

    private func sampling(_ step: Int) -> SamplingSettings {
        SamplingSettings(
            temperature: objective.temperature, topK: objective.topK > 0 ? objective.topK : nil, topP: objective.topP,
            seed: UInt64(bitPattern: seed), stream: Randomness.anchors.number(step))
    }

    /// Sampled after the prompt, or after the prompt and the beginning of the chosen response.
    private func continued(
        _ pairs: [EncodedPair], rows: [Int], step: Int, recordingPrompts prompts: LanguageModel.Activations? = nil,
        _ model: LanguageModel, _ workspace: Workspace
    ) throws -> [Anchor] {
        let beginnings = pairs.map { pair in
            objective.anchorSource == .chosenPrefix ? Array(pair.chosen.dropLast().prefix(objective.anchorPrefix)) : []
        }
        var request = GenerationRequest(
            prompts: zip(pairs, beginnings).map { $0.prompt + $1 }, maximumNewTokens: objective.anchorMaxNew,
            sampling: sampling(step), stopTokens: endOfSequence.map { [$0] } ?? [], sequenceNames: rows)
        request.maximumNewTokens = request.prompts.map { room(after: $0.count) }
        let bytes = try model.generationByteCount(request, team: workspace.team)
        let sampled = try workspace.with(byteCount: bytes) {
            try model.generate(request, recordingPrompts: prompts, Pass(), $0)
        }
        return zip(beginnings, sampled).map { Anchor(tokens: $0 + $1, followsChosen: false) }
    }

    /// Each token sampled after the chosen tokens before it.
    private func alongChosen(
        _ pairs: [EncodedPair], rows: [Int], step: Int, _ model: LanguageModel, _ workspace: Workspace
    ) throws -> [Anchor] {
        let packed = PackedTrees(pairs.map { PromptTree(prompt: $0.prompt, branches: [$0.chosen]) })
        let sampler = TokenSampler(sampling(step))
        return try workspace.with { context in
            let activations = model.activations(
                for: packed.layout, recording: .none, reading: packed.headRows, context)
            return (activations, context.arena.matrix(1, model.configuration.vocabularySize))
        } _: { memory, context in
            let (activations, logits) = memory
            let hidden = model.forward(packed.ids, packed.layout, activations, Pass(), context)
            return zip(packed.branches, zip(pairs, rows)).map { branches, pair in
                let predicting = packed.headRows[branches[0].scores].prefix(objective.anchorMaxNew)
                let tokens = predicting.enumerated().map { index, row in
                    model.head.logits(hidden.rows(Int(row)..<Int(row) + 1), into: logits, context)
                    return sampler.choose(
                        UnsafeBufferPointer(start: logits.base, count: logits.columns), sequence: pair.1,
                        position: pair.0.prompt.count + index)
                }
                return Anchor(tokens: tokens, followsChosen: true)
            }
        }
    }
}
