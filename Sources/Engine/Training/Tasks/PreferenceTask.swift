import Alignment
import Compute
package import Datasets
package import DurableFiles
import Foundation
package import JobModel
package import Safetensors
package import Transformer

/// Training on preference pairs: `dpo` and `ti-dpo`.
///
/// The loss of an optimizer step is the mean over all its pairs, whichever microbatch they are in.
package final class PreferenceTask: TrainingTask {
    package let spec: JobSpec
    package let scorer: PreferenceScorer
    private let isReferenceCached: Bool
    private let examples: PairExamples
    private let evaluation: PairExamples?
    private let references: (training: ReferenceScores, evaluation: ReferenceScores)
    private let sampler: AnchorSampler?
    private let workspace: Workspace

    private var importance: ImportanceMemory
    private var metrics = PreferenceMetrics()
    private var loss = 0.0
    private var anchors: [Int: Anchor] = [:]

    package init(
        _ spec: JobSpec, _ scorer: PreferenceScorer, isReferenceCached: Bool, training: PairExamples,
        evaluation: PairExamples?,
        references: (training: ReferenceScores, evaluation: ReferenceScores), workspace: Workspace
    ) {
        self.spec = spec
        self.scorer = scorer
        self.isReferenceCached = isReferenceCached
        self.references = references
        self.workspace = workspace
        examples = training
        self.evaluation = evaluation
        importance = ImportanceMemory(scorer.plan.importance?.refresh ?? .step)
        let encoder = training.encoder
        sampler = scorer.plan.anchors.map {
            AnchorSampler(
                $0, seed: spec.train.seed, maximumLength: encoder.settings.maximumLength,
                endOfSequence: encoder.codec.endOfSequence)
        }
    }

    package var parameters: ParameterStore { scorer.policy.store }
    package var rowCount: Int { examples.count }
    package var datasetSha256: String { examples.identity }
    package var evaluates: Bool { evaluation != nil }

    package func weight(ofRow row: Int) -> Int { 1 }

    /// Anchors of all pairs of the step, decoded together: the policy does not change within a step. Those of a single
    /// microbatch wait for its training pass.
    package func prepare(_ step: StepRows, _ stop: StopSignal) throws {
        guard let sampler, sampling(within: step) == nil else { return }
        let rows = step.rows
        let sampled = try sampler.anchors(
            rows.map { try examples.pair($0) }, rows: rows, step: step.step, scorer.policy.model, workspace, stop)
        anchors = Dictionary(zip(rows, sampled), uniquingKeysWith: { first, _ in first })
    }

    package func accumulate(_ microbatch: Int, of step: StepRows) throws -> Int {
        let rows = step.microbatches[microbatch]
        let (outputs, tokens) = try accumulate(rows, microbatch, of: step)
        for (row, output) in zip(rows, outputs) {
            guard output.loss.isFinite else {
                throw TrainingError.diverged(step: step.step + 1, what: "the loss", rows: [examples.row(of: row)])
            }
            loss += output.loss / step.weight
            metrics.record(output.pair, output.outcome, under: scorer.plan.objective)
            if let weights = output.weights { importance.remember(weights, ofRow: row, at: step.step) }
        }
        if step.step == 0 { try checkStart(outputs, rows) }
        return tokens
    }

    private func accumulate(
        _ rows: [Int], _ microbatch: Int, of step: StepRows
    ) throws -> (outputs: [PreferenceScorer.Output], tokens: Int) {
        if let sampling = sampling(within: step) {
            return try scorer.accumulate(
                try input(rows, step: step.step, anchors: nil), sampling: sampling, weight: step.weight)
        }
        let pass = scorer.policy.pass(seed: spec.train.seed, step: step.step, microbatch: microbatch)
        let sampled = sampler.map { _ in rows.compactMap { anchors[$0] } }
        return try scorer.accumulate(
            try input(rows, step: step.step, anchors: sampled), pass, weight: step.weight)
    }

    /// How anchors are sampled within the pass of a step of one microbatch; nil where they are sampled before.
    private func sampling(within step: StepRows) -> PreferenceScorer.AnchorSampling? {
        guard let sampler, step.microbatches.count == 1, samplesWithinPass(sampler, pairs: step.rows.count) else {
            return nil
        }
        return PreferenceScorer.AnchorSampling(sampler, rows: step.rows, step: step.step)
    }

    private func samplesWithinPass(_ sampler: AnchorSampler, pairs: Int) -> Bool {
        let pass = scorer.policy.pass(seed: spec.train.seed, step: 0, microbatch: 0)
        return scorer.canSample(sampler, pass, pairs: pairs, isReferenceCached: isReferenceCached)
    }

    private func input(_ rows: [Int], step: Int, anchors: [Anchor]?) throws -> PreferenceScorer.Input {
        let pairs = try rows.map { try examples.pair($0) }
        return PreferenceScorer.Input(
            pairs: pairs, anchors: anchors,
            reference: try cached(references.training, rows, pairs),
            weights: rows.map { importance.weights(ofRow: $0, at: step) })
    }

    private func cached(
        _ scores: ReferenceScores, _ rows: [Int], _ pairs: [EncodedPair]
    ) throws -> [PairReferenceScores]? {
        guard case .cached(let cache) = scores else { return nil }
        return try zip(rows, pairs).map { row, pair in
            try cache.scores(row, chosenCount: pair.chosen.count, rejectedCount: pair.rejected.count)
        }
    }

    /// Policy and reference are the same model before the first update, so the loss of every pair is known: ln 2 for
    /// everything that is a sigmoid. Anything else means that the reference is not what it should be.
    private func checkStart(_ outputs: [PreferenceScorer.Output], _ rows: [Int]) throws {
        guard scorer.reference.isStart, scorer.policy.pass(seed: 0, step: 0, microbatch: 0).dropout == nil else {
            return
        }
        let expected = scorer.plan.objective.lossAtStart
        let tolerance = 1e-3 * max(1, expected)
        for (row, output) in zip(rows, outputs) where abs(output.outcome.baseLoss - expected) > tolerance {
            let place = examples.dataset.place(ofRow: examples.row(of: row))
            throw TrainingError.data(
                "self-check before the first update: the loss of \(place) is \(output.outcome.baseLoss), expected "
                    + "\(expected) as policy and reference are the same model; the reference scores are not its own")
        }
    }

    package func takeStepMetrics() -> [String: Double] {
        defer {
            loss = 0
            metrics = PreferenceMetrics()
            anchors = [:]
        }
        var values = Dictionary(uniqueKeysWithValues: metrics.values.map { ($0.name, $0.value) })
        values["loss"] = loss
        return values
    }

    package func evaluate(_ stop: StopSignal) throws -> [String: Double] {
        guard let evaluation else { return [:] }
        var metrics = PreferenceMetrics()
        var means = MetricMeans()
        let objective = scorer.plan.evaluationObjective
        let count = min(evaluation.count, spec.evaluate.limit ?? .max)
        for start in stride(from: 0, to: count, by: spec.train.microbatch) {
            let rows = Array(start..<min(start + spec.train.microbatch, count))
            let pairs = try rows.map { try evaluation.pair($0) }
            let input = PreferenceScorer.Input(
                pairs: pairs, reference: try cached(references.evaluation, rows, pairs), weights: rows.map { _ in nil })
            for output in try scorer.evaluate(input) {
                metrics.record(output.pair, output.outcome, under: objective)
                output.statistics?.record(into: &means)
            }
            try stop.check()
        }
        return means.values.merging(metrics.values.map { ($0.name, $0.value) }) { mine, _ in mine }
    }

    package func writeWeights(into directory: inout DurableDirectory) throws {
        try scorer.policy.write(into: &directory)
    }

    package func readWeights(from path: String) throws { try scorer.policy.read(from: path) }

    package func stateTensors() -> [TensorToWrite] { importance.tensors }

    package func restoreState(from file: SafetensorsFile?) throws {
        if let file { try importance.restore(from: file) }
    }

    package func export(into directory: inout DurableDirectory, after state: TrainingState) throws {
        try scorer.policy.export(into: &directory, card: ModelCard(spec, state).text)
    }
}

extension PreferenceTask: MemoryPlanning {
    package var models: [LanguageModel] {
        scorer.reference.pass.adapters == .off
            ? [scorer.policy.model] : [scorer.policy.model, scorer.reference.model]
    }

    package var averageRow: AverageRow? {
        get throws {
            try AverageRow(count: examples.count) { index in
                let pair = try examples.pair(index)
                let responses = pair.chosen.count + pair.rejected.count
                let prompts = spec.train.prefixSharing ? 1 : 2
                return (
                    prompts * pair.prompt.count + responses, responses,
                    pair.prompt.count + max(pair.chosen.count, pair.rejected.count)
                )
            }
        }
    }

    package var largestPassByteCount: Int {
        let report = examples.report
        let response = max(1, report.longestResponse)
        let prompt = max(1, report.longestSharedLength - 2 * response)
        let pair = EncodedPair(
            prompt: Array(repeating: 0, count: prompt), chosen: Array(repeating: 0, count: response),
            rejected: Array(repeating: 0, count: response))
        let count = min(spec.train.microbatch, examples.count)
        let anchor = scorer.plan.anchors.map {
            Anchor(
                tokens: Array(repeating: 0, count: $0.anchorMaxNew), followsChosen: $0.anchorSource == .teacherForced)
        }
        let pass = scorer.byteCount(
            Array(repeating: pair, count: count), anchors: anchor.map { Array(repeating: $0, count: count) },
            isReferenceCached: isReferenceCached)
        let scoring = scorer.reference.byteCount(
            Array(repeating: pair, count: min(ReferenceScores.batch(spec.train), examples.count)),
            sharesPrompts: spec.train.prefixSharing, workspace)
        let sampling = sampler?.byteCount(
            prompt: prompt, rows: spec.train.rowsPerStep, scorer.policy.model, workspace)
        guard let sampler, spec.train.accumulation == 1, samplesWithinPass(sampler, pairs: count) else {
            return max(pass, scoring, sampling ?? 0)
        }
        let pairs = Array(repeating: pair, count: count)
        let scoringAnchors = scorer.reference.byteCount(sampler.longestAnchors(pairs), after: pairs, workspace)
        return max(pass + max(sampling ?? 0, scoringAnchors), scoring)
    }
}

extension PairExamples {
    /// Digest of everything that decides what the rows are.
    var identity: String {
        SHA256.hex(of: "\(dataset.digest) \(encoder.codec.digest) \(encoder.fingerprint)")
    }
}
