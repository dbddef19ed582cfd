import Compute
import ContextCompression
package import Datasets
package import DurableFiles
package import JobModel
import Safetensors
package import Transformer

/// GMSA's first stage: adapters of the encoder and alignment layers learn to let the frozen model restate the text.
package final class GMSAAutoencoderTask: TrainingTask {
    private let spec: JobSpec
    private let objective: GMSAAutoencoderObjective
    private let autoencoder: Autoencoder
    private let folder: ModelFolder
    private let instruction: [Int32]
    private let windows: ContextWindows
    private let evaluation: ContextWindows?
    private let rates: CompressionRates
    private let workspace: Workspace
    /// As many of the longest context as a microbatch takes.
    private let largestBatch: CompressionBatch
    /// Contexts of the step in work: tokenized once for their weight and once more otherwise.
    private var contexts: [Int: [Int32]] = [:]
    private var loss = 0.0

    /// Opens the model, frozen, and looks at all texts.
    ///
    /// - Throws: `TrainingError.specification` for what this build does not train, and errors of model and data.
    package init(
        _ spec: JobSpec, _ objective: GMSAAutoencoderObjective, _ inputs: JobInputs, workspace: Workspace,
        dataset: (InputRole) throws -> Dataset?, interruption: () throws -> Void
    ) throws {
        self.spec = spec
        self.objective = objective
        self.workspace = workspace
        let rates = CompressionRates(settings: objective.rates, seed: spec.train.seed)
        self.rates = rates
        folder = ModelFolder(try inputs.required(.model))
        let model = try LanguageModel(folder: folder.path, team: workspace.team)
        let compressor = try Compressor(CompressorSettings(objective), of: model, trained: true)
        compressor.weights.drawAdapters(
            seed: Randomness.initialization.stream(seed: spec.train.seed, index: 0).bits(0))
        autoencoder = Autoencoder(compressor, SoftPromptDecoder(model))
        let codec = try TextCodec(folder, model.configuration)
        instruction = codec.encode(objective.ae.text, false)
        let length = try Self.contextLength(
            spec, model, instruction: instruction.count, lowestRate: rates.lowest, segment: objective.segment.tokens)
        func contexts(_ role: InputRole) throws -> ContextWindows? {
            try dataset(role).map {
                try ContextWindows(
                    $0, codec, maximumLength: length,
                    minimumLength: objective.merge.remainder == .drop ? rates.settings.train.max() ?? 1 : 1,
                    checkpoint: interruption)
            }
        }
        guard let training = try contexts(.trainingData) else {
            throw TrainingError.specification("dataset.train: missing, and this method needs it")
        }
        windows = training
        evaluation = try contexts(.evaluationData)
        let longest = CompressionSample(
            context: Array(repeating: 0, count: training.longest), segmentLength: objective.segment.tokens,
            groupSize: rates.lowest, prompt: instruction, end: codec.endOfSequence)
        largestBatch = try CompressionBatch(
            Array(
                repeating: longest,
                count: min(spec.train.microbatch, training.count) * rates.samplesPerRow))
    }

    /// The longest context whose soft tokens, instruction and restatement fit into the model's positions.
    private static func contextLength(
        _ spec: JobSpec, _ model: LanguageModel, instruction: Int, lowestRate: Int, segment: Int?
    ) throws -> Int {
        func rows(_ length: Int) -> Int {
            let pieces = segment.map { (length + $0 - 1) / $0 } ?? 1
            return (length + lowestRate - 1) / lowestRate + pieces - 1 + instruction + length
        }
        let longest = stride(from: model.contextLength, through: 1, by: -1).first { rows($0) <= model.contextLength }
        guard let longest else {
            throw TrainingError.specification(
                "objective.ae.text: \(instruction) tokens leave no room in the \(model.contextLength) positions of "
                    + "the model")
        }
        guard let wanted = spec.dataset.maxLength else { return longest }
        guard (1...longest).contains(wanted) else {
            throw TrainingError.specification(
                "dataset.max_length: \(wanted), expected 1 to \(longest): soft tokens, instruction and text share the "
                    + "\(model.contextLength) positions of the model")
        }
        return wanted
    }

    package var parameters: ParameterStore { autoencoder.compressor.parameters }
    package var rowCount: Int { windows.count }
    package var datasetSha256: String { windows.identity }
    package var evaluates: Bool { evaluation != nil }

    package func weight(ofRow row: Int) throws -> Int {
        try sample(context(row), rate: rates.lowest).target.count * rates.samplesPerRow
    }

    package func accumulate(_ microbatch: Int, of step: StepRows) throws -> Int {
        let samples = try step.placedRows(microbatch).flatMap { row, place in
            let context = try context(row)
            return rates.rates(step: step.step, place: place).map { sample(context, rate: $0) }
        }
        let batch = try packed(samples)
        let pass = pass(step: step.step, microbatch: microbatch)
        let share = try workspace.with {
            autoencoder.activations(for: batch, recording: recording, $0)
        } _: { a, context in
            autoencoder.forward(batch, a, pass, context)
            return autoencoder.backward(batch, weight: step.weight, a, pass, context)
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

    private var recording: DecoderStack.Recording { spec.train.recompute ? .blockInputs : .full }

    private func pass(step: Int, microbatch: Int) -> Pass {
        guard objective.encoder.loraDropout > 0 else { return Pass() }
        return Pass(dropout: Randomness.dropout.stream(seed: spec.train.seed, index: step << 16 | microbatch))
    }

    private func context(_ row: Int) throws -> [Int32] {
        if let context = contexts[row] { return context }
        let context = try windows.context(row)
        contexts[row] = context
        return context
    }

    private func sample(_ context: [Int32], rate: Int) -> CompressionSample {
        CompressionSample(
            context: context, segmentLength: objective.segment.tokens, groupSize: rate, prompt: instruction,
            end: windows.codec.endOfSequence)
    }

    private func packed(_ samples: [CompressionSample]) throws -> CompressionBatch {
        let batch = try CompressionBatch(samples, remainder: autoencoder.compressor.settings.remainder)
        try batch.check(autoencoder.decoder.model)
        return batch
    }
}

// MARK: - Evaluation

extension GMSAAutoencoderTask {
    /// Teacher-forced loss and accuracy at every rate, beside the loss of the decoder that sees no soft tokens.
    package func evaluate(_ stop: StopSignal) throws -> [String: Double] {
        guard let evaluation else { return [:] }
        var means = MetricMeans()
        let count = min(evaluation.count, spec.evaluate.limit ?? .max)
        for start in stride(from: 0, to: count, by: spec.train.microbatch) {
            let contexts = try (start..<min(start + spec.train.microbatch, count)).map { try evaluation.context($0) }
            for rate in objective.rates.train {
                let batch = try packed(contexts.map { sample($0, rate: rate) })
                try score(batch, rate: rate, into: &means)
                if rate == objective.rates.train[0], !instruction.isEmpty {
                    try autoencoder.decoder.scoreWithoutMemory(batch.decoding, workspace, into: &means)
                }
                try stop.check()
            }
        }
        return means.values
    }

    private func score(_ batch: CompressionBatch, rate: Int, into means: inout MetricMeans) throws {
        try workspace.with {
            autoencoder.activations(for: batch, recording: .none, request: .statistics, $0)
        } _: { a, context in
            autoencoder.forward(batch, a, Pass(), context)
            autoencoder.decoder.score(batch.decoding, a.decoder, context)
            means.record(a.decoder.scores, batch.decoding.targets, rate: rate)
        }
    }
}

// MARK: - Files

extension GMSAAutoencoderTask {
    private static let weights = "compressor.safetensors"

    package func writeWeights(into directory: inout DurableDirectory) throws {
        try directory.add(Self.weights, tensors: parameters.tensors(of: parameters.values))
    }

    package func readWeights(from path: String) throws {
        try parameters.read(parameters.values, from: SafetensorsFile(path + "/" + Self.weights))
    }

    package func export(into directory: inout DurableDirectory, after state: TrainingState) throws {
        let record = CompressorRecord(
            stage: .autoencoding,
            base: CompressorRecord.Base(id: folder.path, sha256: try folder.digest {}),
            settings: autoencoder.compressor.settings, rates: objective.rates.train, decoderTraining: "none",
            restatement: objective.ae.text, training: state.record(spec), metrics: state.evaluationMetrics)
        try autoencoder.compressor.save(
            into: &directory, record, of: autoencoder.decoder.model, team: workspace.team)
        try folder.copyCompanions(into: &directory)
        try directory.add("README.md", ModelCard(spec, state).text + CompressorCard.text)
    }
}

extension GMSAAutoencoderTask: MemoryPlanning {
    package var models: [LanguageModel] { [autoencoder.decoder.model] }

    package var largestPassByteCount: Int {
        Workspace.byteCount(workspace.team) {
            autoencoder.activations(for: largestBatch, recording: recording, request: .statistics, $0)
        }
    }
}

extension CompressionSample {
    /// A context to restate, in segments where it is long.
    fileprivate init(context: [Int32], segmentLength: Int?, groupSize: Int, prompt: [Int32], end: Int32?) {
        self.init(
            segments: context.segments(of: segmentLength ?? context.count), groupSize: groupSize, prompt: prompt,
            target: context + (end.map { [$0] } ?? []))
    }
}

extension TrainingState {
    /// What gmsa.json says of a run.
    func record(_ spec: JobSpec) -> [String: JSONValue] {
        [
            "lr": .number(spec.train.learningRate), "steps": .integer(step),
            "batch": .integer(spec.train.rowsPerStep), "seed": .integer(Int(spec.train.seed)),
            "tokens_seen": .integer(tokens),
        ]
    }
}
