import Compute
import ContextCompression
package import Datasets
import DurableFiles
package import JobModel
import Safetensors
package import Transformer

/// GMSA's first stage: adapters of the encoder and alignment layers learn to let the model restate the text. The model
/// is frozen and shared by encoder and decoder, unless a decoder with weights of its own is trained with them.
package final class GMSAAutoencoderTask: TrainingTask {
    let spec: JobSpec
    let objective: GMSAAutoencoderObjective
    let autoencoder: Autoencoder
    /// The frozen model that the compressor was made from; the decoder too, unless that is trained.
    let base: LanguageModel
    let folder: ModelFolder
    let instruction: [Int32]
    let windows: ContextWindows
    let evaluation: ContextWindows?
    let workspace: Workspace
    private let rates: CompressionRates
    let cut: SegmentCut
    /// As many of the longest context as a microbatch takes.
    let largestBatch: CompressionBatch
    /// Contexts of the step in work: tokenized once for their weight and once more otherwise.
    private var contexts: [Int: [Int32]] = [:]
    private var loss = 0.0

    /// Opens the model and looks at all texts.
    ///
    /// - Throws: `TrainingError.specification` for what this build does not train, and errors of model and data.
    package init(
        _ spec: JobSpec, _ objective: GMSAAutoencoderObjective, _ inputs: JobInputs, workspace: Workspace,
        dataset: (InputRole) throws -> Dataset?, interruption: () throws -> Void
    ) throws {
        self.spec = spec
        self.objective = objective
        self.workspace = workspace
        folder = ModelFolder(try inputs.required(.model))
        base = try LanguageModel(folder: folder.path, team: workspace.team)
        let codec = try TextCodec(folder, folder.tokenizer(), base.configuration)
        let isLearned = objective.ae.prompt == .learned
        instruction = isLearned ? [] : codec.encode(objective.ae.text, false)
        cut = try SegmentCut(objective.segment, contextLength: base.contextLength)
        let length = try ContextLimit(
            positions: base.contextLength, prompt: isLearned ? 1 : instruction.count, rate: objective.rates.lowest,
            cut: cut, remainder: GroupLayout.Remainder(objective.merge.remainder)
        ).length(wanted: spec.dataset.maxLength)
        autoencoder = try Self.autoencoder(spec, objective, base, folder, longest: min(length, cut.length), workspace)
        func contexts(_ role: InputRole) throws -> ContextWindows? {
            try dataset(role).map {
                try ContextWindows(
                    $0, codec, maximumLength: length,
                    minimumLength: objective.merge.remainder == .drop ? objective.rates.highest : 1,
                    checkpoint: interruption)
            }
        }
        guard let training = try contexts(.trainingData) else {
            throw TrainingError.specification("dataset.train: missing, and this method needs it")
        }
        windows = training
        evaluation = try contexts(.evaluationData)
        rates = CompressionRates(
            settings: objective.rates, seed: spec.train.seed,
            totalSteps: BatchSchedule(rowCount: training.count, spec.train).totalSteps)
        let longestContext = max(training.longest, evaluation?.longest ?? 0)
        let longest = CompressionSample(
            segments: cut.segments(of: Array(repeating: 0, count: longestContext)),
            groupSize: objective.rates.lowest, hasLearnedPrompt: isLearned, prompt: instruction,
            target: Array(repeating: 0, count: longestContext + 1))
        let settings = autoencoder.compressor.settings
        largestBatch = try CompressionBatch(
            Array(repeating: longest, count: min(spec.train.microbatch, training.count) * rates.samplesPerRow),
            remainder: settings.remainder, merge: settings.merge)
    }

    /// - Parameter longest: tokens of the longest segment.
    private static func autoencoder(
        _ spec: JobSpec, _ objective: GMSAAutoencoderObjective, _ base: LanguageModel, _ folder: ModelFolder,
        longest: Int, _ workspace: Workspace
    ) throws -> Autoencoder {
        let settings = try CompressorSettings(
            objective.encoder, objective.merge, objective.lsa, hasLearnedPrompt: objective.ae.prompt == .learned,
            memoryTokens: (longest + objective.rates.lowest - 1) / objective.rates.lowest)
        try objective.decoder.check()
        let decoder =
            objective.ae.decoder == .frozen
            ? base
            : try LanguageModel(
                decoder: folder.path, objective.ae.decoder, objective.decoder, seed: spec.train.seed,
                further: CompressorWeights.entries(settings, of: base.configuration), team: workspace.team)
        let compressor = try Compressor(settings, of: base, sharing: decoder.parameters, trained: true)
        compressor.weights.draw(seed: Randomness.initialization.stream(seed: spec.train.seed, index: 0).bits(0))
        return Autoencoder(compressor, SoftPromptDecoder(decoder))
    }

    package var parameters: ParameterStore { autoencoder.compressor.parameters }
    package var rowCount: Int { windows.count }
    package var datasetSha256: String { windows.identity }
    package var evaluates: Bool { evaluation != nil }

    package func weight(ofRow row: Int) throws -> Int {
        let tokens = objective.lossReduction == .sum ? 1 : try target(of: context(row)).count
        return tokens * rates.samplesPerRow
    }

    package func accumulate(_ microbatch: Int, of step: StepRows) throws -> Int {
        let samples = try step.placedRows(microbatch).flatMap { row, place in
            let context = try context(row)
            return rates.rates(step: step.step, place: place).map { sample(context, rate: $0) }
        }
        let batch = try packed(samples)
        let (pass, decoding) = passes(step: step.step, microbatch: microbatch)
        let weight = step.weight / rates.share(step: step.step)
        let share = try workspace.with {
            autoencoder.activations(for: batch, recording: recording, $0)
        } _: { a, context in
            autoencoder.forward(batch, a, pass, decoding: decoding, context)
            return autoencoder.backward(batch, weight: weight, a, pass, decoding: decoding, context)
        }
        guard share.isFinite else {
            throw TrainingError.diverged(
                step: step.step + 1, what: "the loss", rows: step.microbatches[microbatch].map(windows.row))
        }
        loss += share
        if microbatch == step.microbatches.count - 1 { contexts.removeAll(keepingCapacity: true) }
        return batch.tokenCount
    }

    package func takeStepMetrics() -> [String: Double] {
        defer { loss = 0 }
        return ["loss": loss]
    }

    var recording: DecoderStack.Recording { spec.train.recompute ? .blockInputs : .full }

    private func passes(step: Int, microbatch: Int) -> (encoding: Pass, decoding: Pass) {
        func pass(_ use: Randomness, _ rate: Double) -> Pass {
            rate > 0 ? Pass(dropout: use.stream(seed: spec.train.seed, index: step << 16 | microbatch)) : Pass()
        }
        let decoding = objective.ae.decoder == .lora ? objective.decoder.loraDropout : 0
        return (pass(.dropout, objective.encoder.loraDropout), pass(.decoderDropout, decoding))
    }

    private func context(_ row: Int) throws -> [Int32] {
        if let context = contexts[row] { return context }
        let context = shifted(try windows.context(row), row)
        contexts[row] = context
        return context
    }

    /// With phase jitter every row loses some of its first tokens, always the same ones, so that groups begin anywhere.
    private func shifted(_ context: [Int32], _ row: Int) -> [Int32] {
        guard objective.merge.phaseJitter else { return context }
        let highest = objective.rates.highest
        let shift = Randomness.phases.stream(seed: spec.train.seed, index: row).below(highest, 0)
        let kept = objective.merge.remainder == .drop ? highest : 1
        return Array(context.dropFirst(max(0, min(shift, context.count - kept))))
    }

    private func target(of context: [Int32]) -> [Int32] {
        context + (windows.codec.endOfSequence.map { [$0] } ?? [])
    }

    func sample(_ context: [Int32], rate: Int) -> CompressionSample {
        CompressionSample(
            segments: cut.segments(of: context), groupSize: rate, hasLearnedPrompt: objective.ae.prompt == .learned,
            prompt: instruction, target: target(of: context))
    }

    /// What became of the rows, and the first of them.
    package func dataNotes(_ role: InputRole) throws -> [String] {
        guard let windows = role == .evaluationData ? evaluation : windows else { return [] }
        let first = try windows.context(0)
        let context = role == .evaluationData ? first : shifted(first, 0)
        let example = ContextExample(
            context: context, prompt: instruction, answer: target(of: context),
            hasLearnedPrompt: objective.ae.prompt == .learned)
        return windows.report.lines + ["the first example:\n" + example.description(windows.codec)]
    }

    func packed(_ samples: [CompressionSample]) throws -> CompressionBatch {
        let settings = autoencoder.compressor.settings
        let batch = try CompressionBatch(samples, remainder: settings.remainder, merge: settings.merge)
        try batch.check(autoencoder)
        return batch
    }
}

