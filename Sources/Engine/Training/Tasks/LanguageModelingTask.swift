import Compute
package import Datasets
package import DurableFiles
import Foundation
package import JobModel
package import Transformer

/// Next-token prediction: `pretrain` on whole texts, `sft` on responses.
///
/// The loss of an optimizer step is the mean over all its trained tokens, whichever microbatch they are in.
package final class LanguageModelingTask: TrainingTask {
    package let policy: PolicyModel
    package let spec: JobSpec
    private let examples: SequenceExamples
    private let evaluation: SequenceExamples?
    private let workspace: Workspace
    /// Sequences of the step in work: tokenized once for their weight and once more otherwise.
    private var encoded: [Int: EncodedSequence] = [:]
    private var loss = 0.0

    package init(
        _ policy: PolicyModel, _ spec: JobSpec, training: SequenceExamples, evaluation: SequenceExamples?,
        workspace: Workspace
    ) {
        self.policy = policy
        self.spec = spec
        self.workspace = workspace
        examples = training
        self.evaluation = evaluation
    }

    package var parameters: ParameterStore { policy.store }
    package var rowCount: Int { examples.count }
    package var datasetSha256: String { examples.identity }
    package var evaluates: Bool { evaluation != nil }

    package func weight(ofRow row: Int) throws -> Int { try sequence(row).targetCount }

    package func accumulate(_ microbatch: Int, of step: StepRows) throws -> Int {
        let rows = step.microbatches[microbatch]
        let packed = PackedSequences(try rows.map(sequence))
        let pass = policy.pass(seed: spec.train.seed, step: step.step, microbatch: microbatch)
        let share = try accumulate(packed, pass, weight: step.weight)
        guard share.isFinite else {
            throw TrainingError.diverged(step: step.step + 1, what: "the loss", rows: rows)
        }
        loss += share
        if microbatch == step.microbatches.count - 1 { encoded.removeAll(keepingCapacity: true) }
        return packed.ids.count
    }

    /// Forward and backward of one microbatch; returns its share of the step's mean loss.
    private func accumulate(_ packed: PackedSequences, _ pass: Pass, weight: Double) throws -> Double {
        let (model, targets) = (policy.model, HeadTargets(rows: packed.headRows, ids: packed.targets))
        try model.check(packed.ids, packed.layout)
        return try workspace.with(gradients: .parameters) {
            SequencePass(model, packed.layout, targets, recording: policy.recording, [], $0)
        } _: { memory, context in
            let a = memory.activations
            model.forward(packed.ids, packed.layout, a, pass, context)
            memory.gradient.fill(Real(-1 / weight))
            a.hiddenGradient.fill(0)
            model.head.scoreAndBackward(
                HeadGradient(logProbabilities: memory.gradient), hidden: a.hidden, targets, into: memory.scores,
                memory.head, hiddenGradient: a.hiddenGradient, context)
            model.backward(packed.ids, packed.layout, a, pass, context)
            return -memory.scores.logProbabilities.sum / weight
        }
    }

    package func takeStepMetrics() -> [String: Double] {
        defer { loss = 0 }
        return ["loss": loss]
    }

    package func evaluate(_ stop: StopSignal) throws -> [String: Double] {
        guard let evaluation else { return [:] }
        var means = MetricMeans()
        let count = min(evaluation.count, spec.evaluate.limit ?? .max)
        for start in stride(from: 0, to: count, by: spec.train.microbatch) {
            let rows = start..<min(start + spec.train.microbatch, count)
            try score(PackedSequences(try rows.map { try trained(evaluation.sequence($0)) }), into: &means)
            try stop.check()
        }
        var metrics = means.values
        if let loss = metrics["loss"] { metrics["perplexity"] = exp(loss) }
        return metrics
    }

    private func score(_ packed: PackedSequences, into means: inout MetricMeans) throws {
        let (model, targets) = (policy.model, HeadTargets(rows: packed.headRows, ids: packed.targets))
        try model.check(packed.ids, packed.layout)
        try workspace.with {
            SequencePass(model, packed.layout, targets, recording: .none, .statistics, $0)
        } _: { memory, context in
            let hidden = model.forward(packed.ids, packed.layout, memory.activations, Pass(), context)
            model.head.score(hidden, targets, into: memory.scores, memory.head, context)
            for index in 0..<targets.count {
                means.record("loss", -Double(memory.scores.logProbabilities[index, 0]))
                means.record("entropy", Double(memory.scores.entropy[index, 0]))
                means.record(
                    "mean_token_accuracy", memory.scores.maxima.tokens[index] == targets.ids[index] ? 1 : 0)
            }
        }
    }

    private func sequence(_ row: Int) throws -> EncodedSequence {
        if let sequence = encoded[row] { return sequence }
        let sequence = trained(try examples.sequence(row))
        encoded[row] = sequence
        return sequence
    }

    /// With `loss_on: all` the prompt counts as well.
    private func trained(_ sequence: EncodedSequence) -> EncodedSequence {
        guard case .sft(let objective) = spec.objective, objective.lossOn == .all else { return sequence }
        return sequence.trainingAll
    }

    package func writeWeights(into directory: inout DurableDirectory) throws { try policy.write(into: &directory) }

    package func readWeights(from path: String) throws { try policy.read(from: path) }

    package func export(into directory: inout DurableDirectory, after state: TrainingState) throws {
        try policy.export(into: &directory, card: ModelCard(spec, state).text)
    }
}

extension LanguageModelingTask: MemoryPlanning {
    package var models: [LanguageModel] { [policy.model] }

    package var averageRow: AverageRow? {
        get throws {
            try AverageRow(count: examples.count) { index in
                let sequence = trained(try examples.sequence(index))
                return (sequence.ids.count, sequence.targetCount, sequence.ids.count)
            }
        }
    }

    package var largestPassByteCount: Int {
        let length = min(examples.report.lengths.longest, examples.encoder.settings.maximumLength)
        let rows = min(spec.train.microbatch, examples.count)
        let layout = SequenceLayout(lengths: Array(repeating: length, count: rows))
        return Workspace.byteCount(workspace.team) {
            SequencePass(policy.model, layout, .everyRow(of: layout), recording: policy.recording, .statistics, $0)
        }
    }
}

/// Memory of one pass over packed sequences, with one log-probability per target. Only the rows that predict a target
/// are computed to the end.
struct SequencePass {
    let activations: LanguageModel.Activations
    let scores: HeadScores
    let head: HeadScratch
    /// count × 1.
    let gradient: Matrix

    init(
        _ model: LanguageModel, _ layout: SequenceLayout, _ targets: HeadTargets, recording: DecoderStack.Recording,
        _ request: HeadRequest, _ context: Context
    ) {
        let count = targets.count
        activations = model.activations(for: layout, recording: recording, reading: targets.rows, context)
        scores = HeadScores(count: count, request, in: context.arena)
        head = model.head.scratch(count: count, request, in: context.arena)
        gradient = context.arena.matrix(count, 1)
    }
}

extension HeadTargets {
    /// A target for every row: the most that a pass over a layout can be asked for.
    static func everyRow(of layout: SequenceLayout) -> HeadTargets {
        HeadTargets(
            rows: (0..<Int32(layout.tokenCount)).map { $0 }, ids: Array(repeating: 0, count: layout.tokenCount))
    }
}

extension SequenceExamples {
    /// Digest of everything that decides what the rows are.
    var identity: String {
        SHA256.hex(of: "\(dataset.digest) \(encoder.codec.digest) \(encoder.fingerprint) \(kind)")
    }
}

extension Matrix {
    /// Sum of a column in Double, in order.
    var sum: Double { (0..<rows).reduce(0) { $0 + Double(self[$1, 0]) } }
}
