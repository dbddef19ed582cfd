import Compute
package import Datasets
import JobModel
package import Transformer

/// The model that the policy is compared with: one of its own, or the policy with its adapters off.
package struct ReferenceModel {
    package let model: LanguageModel
    package let pass: Pass
    /// Whether the policy starts as this model, so that the first loss is known beforehand.
    package let isStart: Bool

    package init(_ model: LanguageModel, adapters: Pass.Adapters = .on, isStart: Bool) {
        self.model = model
        pass = Pass(adapters: adapters)
        self.isStart = isStart
    }

    /// Log-probabilities of every target of a batch.
    package func score(_ batch: PreferenceBatch, _ workspace: Workspace) throws -> [Double] {
        try model.check(batch.packed.ids, batch.packed.layout)
        return try workspace.with {
            SequencePass(model, batch.packed.layout, batch.targets, recording: .none, [], $0)
        } _: { memory, context in
            let hidden = model.forward(batch.packed.ids, batch.packed.layout, memory.activations, pass, context)
            model.head.score(hidden, batch.targets, into: memory.scores, memory.head, context)
            return memory.scores.logProbabilities.doubles(0..<batch.targets.count)
        }
    }

    /// Bytes that scoring these pairs takes.
    func byteCount(_ pairs: [EncodedPair], sharesPrompts: Bool, _ workspace: Workspace) -> Int {
        let batch = PreferenceBatch(pairs, sharesPrompts: sharesPrompts)
        return Workspace.byteCount(workspace.team) {
            SequencePass(model, batch.packed.layout, batch.targets, recording: .none, [], $0)
        }
    }

    /// Log-probabilities of anchors alone, each after its prompt.
    func score(_ anchors: [Anchor], after pairs: [EncodedPair], _ workspace: Workspace) throws -> [[Double]] {
        let (packed, targets) = packed(anchors, after: pairs)
        try model.check(packed.ids, packed.layout)
        return try workspace.with {
            SequencePass(model, packed.layout, targets, recording: .none, [], $0)
        } _: { memory, context in
            let hidden = model.forward(packed.ids, packed.layout, memory.activations, pass, context)
            model.head.score(hidden, targets, into: memory.scores, memory.head, context)
            return packed.branches.map { memory.scores.logProbabilities.doubles($0[0].scores) }
        }
    }

    /// Bytes that scoring these anchors takes.
    func byteCount(_ anchors: [Anchor], after pairs: [EncodedPair], _ workspace: Workspace) -> Int {
        let (packed, targets) = packed(anchors, after: pairs)
        return Workspace.byteCount(workspace.team) {
            SequencePass(model, packed.layout, targets, recording: .none, [], $0)
        }
    }

    private func packed(_ anchors: [Anchor], after pairs: [EncodedPair]) -> (PackedTrees, HeadTargets) {
        let packed = PackedTrees(zip(pairs, anchors).map { PromptTree(prompt: $0.prompt, branches: [$1.tokens]) })
        return (packed, HeadTargets(rows: packed.headRows, ids: packed.targets))
    }
}

/// Where reference log-probabilities of a dataset's responses come from.
package enum ReferenceScores {
    /// Computed once and kept on disk.
    case cached(ReferenceScoreCache)
    /// With every pass.
    case live

    /// Pairs that are scored at a time: without gradients there is room for more than in training.
    static func batch(_ train: TrainSettings) -> Int { max(train.microbatch, 16) }
}

extension ReferenceScoreCache {
    /// Opens the scores of a dataset, or computes them batch by batch.
    ///
    /// - Parameter interruption: looked at between batches; what it throws ends the work and leaves nothing behind.
    static func opened(
        in directory: String, _ key: ReferenceScoreKey, _ examples: PairExamples, _ reference: ReferenceModel,
        batch: Int, sharesPrompts: Bool, _ workspace: Workspace, note: (String) -> Void, interruption: () throws -> Void
    ) throws -> ReferenceScoreCache {
        switch open(in: directory, key: key) {
        case .found(let cache): return cache
        case .unusable(let reason): note("reference scores are computed anew: \(reason)")
        case .missing: break
        }
        return try create(in: directory, key: key, pairs: examples.count) { first in
            try interruption()
            let pairs = try (first..<min(first + batch, examples.count)).map { try examples.pair($0) }
            let layout = PreferenceBatch(pairs, sharesPrompts: sharesPrompts)
            let scores = try reference.score(layout, workspace)
            return layout.pairs.map { pair in
                PairReferenceScores(
                    chosen: scores[pair.chosen.scores].map { Float($0) },
                    rejected: scores[pair.rejected.scores].map { Float($0) })
            }
        }
    }
}
