import Compute
import ContextCompression
import Transformer

extension MetricMeans {
    /// Teacher-forced loss and accuracy of targets that were predicted from soft tokens at one rate.
    mutating func record(_ scores: HeadScores, _ targets: HeadTargets, rate: Int) {
        for (index, id) in targets.ids.enumerated() {
            let loss = -Double(scores.logProbabilities[index, 0])
            record("loss", loss)
            record("loss@\(rate)", loss)
            record("mean_token_accuracy@\(rate)", scores.maxima.tokens[index] == id ? 1 : 0)
        }
    }
}

extension SoftPromptDecoder {
    /// The loss of the same targets behind the prompt alone: a memory that is used must beat it.
    func scoreWithoutMemory(
        _ layout: SoftPromptLayout, _ workspace: Workspace, into means: inout MetricMeans
    ) throws {
        let layout = layout.withoutSoftTokens
        try workspace.with {
            (
                pass: activations(for: layout, recording: .none, $0),
                nothing: $0.arena.matrix(0, model.configuration.hiddenSize)
            )
        } _: { memory, context in
            forward(memory.nothing, layout, memory.pass, Pass(), context)
            score(layout, memory.pass, context)
            for index in 0..<layout.targets.count {
                means.record("no_memory_loss", -Double(memory.pass.scores.logProbabilities[index, 0]))
            }
        }
    }
}
