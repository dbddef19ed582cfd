import Compute
import ContextCompression
package import Datasets
package import DurableFiles
package import JobModel
import Safetensors
package import Transformer

/// GMSA's second stage (KEFT): the decoder learns to answer questions from soft tokens of a frozen compressor.
///
/// The compressor keeps the original layers of the model; the decoder has weights of its own where it is trained.
package final class GMSAFinetuneTask: TrainingTask {
    private let spec: JobSpec
    private let objective: GMSAFinetuneObjective
    private let base: LanguageModel
    private let compressor: Compressor
    private let record: CompressorRecord
    private let decoder: SoftPromptDecoder
    private let store: ParameterStore
    private let folder: ModelFolder
    private let questions: QuestionRows
    private let evaluation: QuestionRows?
    private let softTokens, evaluationSoftTokens: SoftTokenCache
    /// The longest context of all rows.
    private let longestGroups: GroupLayout
    private let rates: CompressionRates
    private let workspace: Workspace
    private var loss = 0.0

    /// Opens model and compressor and looks at all rows.
    ///
    /// - Throws: `TrainingError` for what this build does not train, for a compressor of another model and for rows
    ///   that do not fit.
    package init(
        _ spec: JobSpec, _ objective: GMSAFinetuneObjective, _ inputs: JobInputs, workspace: Workspace,
        dataset: (InputRole) throws -> Dataset?, interruption: () throws -> Void
    ) throws {
        self.spec = spec
        self.objective = objective
        self.workspace = workspace
        rates = CompressionRates(settings: objective.rates, seed: spec.train.seed)
        folder = ModelFolder(try inputs.required(.model))
        let path = try inputs.required(.compressor)
        record = try CompressorRecord(folder: path)
        guard record.base.sha256 == (try folder.digest(interruption)) else {
            throw TrainingError.data(
                "compressor: \(path) was made from another model (\(record.base.id)) than model: \(folder.path)")
        }
        base = try LanguageModel(folder: folder.path, team: workspace.team)
        compressor = try Compressor(folder: path, record, of: base, trained: false)
        let model = try LanguageModel(
            folder: folder.path, trained: TrainedTensors(objective), team: workspace.team)
        guard let store = model.parameters else { throw TrainingError.nothingToTrain }
        self.store = store
        decoder = SoftPromptDecoder(model)
        let codec = try TextCodec(folder, model.configuration)
        let segment = objective.segment.tokens ?? model.contextLength
        let lowestRate = rates.lowest
        func softTokenCount(_ length: Int) -> Int {
            (length + lowestRate - 1) / lowestRate + (length + segment - 1) / segment - 1
        }
        func rows(_ role: InputRole) throws -> QuestionRows? {
            try dataset(role).map {
                try QuestionRows(
                    $0, codec, maximumLength: spec.dataset.maxLength ?? .max, template: objective.prompt.qaTemplate,
                    positions: (model.contextLength, softTokenCount), checkpoint: interruption)
            }
        }
        guard let training = try rows(.trainingData) else {
            throw TrainingError.specification("dataset.train: missing, and this method needs it")
        }
        questions = training
        evaluation = try rows(.evaluationData)
        softTokens = SoftTokenCache(compressor, segmentLength: segment, workspace)
        evaluationSoftTokens = SoftTokenCache(compressor, segmentLength: segment, workspace)
        longestGroups = try softTokens.groups(
            of: Array(repeating: 0, count: questions.longest.context), rate: lowestRate)
    }

    package var parameters: ParameterStore { store }
    package var rowCount: Int { questions.count }
    package var datasetSha256: String { questions.identity }
    package var evaluates: Bool { evaluation != nil }

    package func weight(ofRow row: Int) throws -> Int {
        try questions.question(row).answer.count * rates.samplesPerRow
    }

    package func accumulate(_ microbatch: Int, of step: StepRows) throws -> Int {
        var batch = Batch(width: base.configuration.hiddenSize)
        for (row, place) in step.placedRows(microbatch) {
            let question = try questions.question(row)
            for rate in rates.rates(step: step.step, place: place) {
                batch.append(
                    question, try softTokens.softTokens(SoftTokenCache.Key(row: row, rate: rate), of: question.context))
            }
        }
        let layout = try checked(batch)
        let share = try run(batch, layout, recording: spec.train.recompute ? .blockInputs : .full) { a, context in
            decoder.backward(weight: step.weight, softTokenGradient: nil, layout, a, Pass(), context)
        }
        guard share.isFinite else {
            throw TrainingError.diverged(
                step: step.step + 1, what: "the loss", rows: step.microbatches[microbatch])
        }
        loss += share
        return layout.sequences.tokenCount
    }

    package func takeStepMetrics() -> [String: Double] {
        defer { loss = 0 }
        return ["loss": loss]
    }

    /// Teacher-forced loss and accuracy at every rate, beside the loss of the decoder that sees no soft tokens.
    package func evaluate(_ stop: StopSignal) throws -> [String: Double] {
        guard let evaluation else { return [:] }
        var means = MetricMeans()
        for row in 0..<min(evaluation.count, spec.evaluate.limit ?? .max) {
            let question = try evaluation.question(row)
            for rate in objective.rates.train {
                var batch = Batch(width: base.configuration.hiddenSize)
                let key = SoftTokenCache.Key(row: row, rate: rate)
                batch.append(question, try evaluationSoftTokens.softTokens(key, of: question.context))
                let layout = try checked(batch)
                try run(batch, layout, recording: .none, .statistics) { a, context in
                    decoder.score(layout, a, context)
                    means.record(a.scores, layout.targets, rate: rate)
                }
                if rate == objective.rates.train[0], !question.prompt.isEmpty {
                    try decoder.scoreWithoutMemory(layout, workspace, into: &means)
                }
            }
            try stop.check()
        }
        return means.values
    }

    /// Copies soft tokens into the pass's memory and runs the decoder forward.
    private func run<Result>(
        _ batch: Batch, _ layout: SoftPromptLayout, recording: DecoderStack.Recording, _ request: HeadRequest = [],
        _ body: (SoftPromptDecoder.Activations, Context) -> Result
    ) throws -> Result {
        try workspace.with {
            (
                softTokens: $0.arena.matrix(batch.softTokens.count / batch.width, batch.width),
                pass: decoder.activations(for: layout, recording: recording, request: request, $0)
            )
        } _: { memory, context in
            for (index, value) in batch.softTokens.enumerated() { memory.softTokens.base[index] = value }
            decoder.forward(memory.softTokens, layout, memory.pass, Pass(), context)
            return body(memory.pass, context)
        }
    }

    private func checked(_ batch: Batch) throws -> SoftPromptLayout {
        let layout = SoftPromptLayout(batch.prompts)
        try layout.check(decoder.model)
        return layout
    }
}

/// Soft tokens and prompts of some samples.
private struct Batch {
    let width: Int
    private(set) var softTokens: [Real] = []
    private(set) var prompts: [SoftPrompt] = []

    init(width: Int) { self.width = width }

    mutating func append(_ question: QuestionRows.Question, _ rows: [Real]) {
        let first = softTokens.count / width
        softTokens += rows
        prompts.append(
            SoftPrompt(
                softTokens: first..<softTokens.count / width, prompt: question.prompt, target: question.answer))
    }
}

// MARK: - Files

extension GMSAFinetuneTask {
    private static let weights = "decoder.safetensors"

    package func writeWeights(into directory: inout DurableDirectory) throws {
        try directory.add(Self.weights, tensors: store.tensors(of: store.values))
    }

    package func readWeights(from path: String) throws {
        try store.read(store.values, from: SafetensorsFile(path + "/" + Self.weights))
    }

    package func export(into directory: inout DurableDirectory, after state: TrainingState) throws {
        var record = record
        record.stage = .finetune
        record.rates = objective.rates.train
        record.decoderTraining = objective.stage2.train.rawValue
        record.training = state.record(spec)
        record.metrics = state.evaluationMetrics
        try compressor.save(into: &directory, record, of: base, team: workspace.team)
        try directory.addDirectory("decoder") { decoder in
            try self.decoder.model.save(into: &decoder, team: workspace.team)
            try folder.copyCompanions(into: &decoder)
        }
        try folder.copyCompanions(into: &directory)
        try directory.add("README.md", ModelCard(spec, state).text + CompressorCard.text)
    }
}

extension GMSAFinetuneTask: MemoryPlanning {
    package var models: [LanguageModel] { [decoder.model, base] }

    /// The larger of the decoder's longest step and the compressor's longest context.
    package var largestPassByteCount: Int {
        let longest = questions.longest
        let soft = longestGroups.groups.count
        let rows = min(spec.train.microbatch, questions.count) * rates.samplesPerRow
        let layout = SoftPromptLayout(
            (0..<rows).map { index in
                SoftPrompt(
                    softTokens: index * soft..<(index + 1) * soft, prompt: Array(repeating: 0, count: longest.prompt),
                    target: Array(repeating: 0, count: longest.answer))
            })
        return max(
            Workspace.byteCount(workspace.team) {
                decoder.activations(
                    for: layout, recording: spec.train.recompute ? .blockInputs : .full, request: .statistics, $0)
            },
            Workspace.byteCount(workspace.team) { compressor.activations(for: longestGroups, recording: .none, $0) })
    }
}
