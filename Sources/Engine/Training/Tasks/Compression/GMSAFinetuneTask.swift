import Compute
import ContextCompression
package import Datasets
import DurableFiles
package import JobModel
import Safetensors
package import Transformer

/// GMSA's second stage (KEFT): the decoder learns to answer questions from soft tokens of a frozen compressor.
///
/// The compressor keeps the original layers of the model; the decoder has weights of its own where it is trained.
package final class GMSAFinetuneTask: TrainingTask {
    let spec: JobSpec
    let objective: GMSAFinetuneObjective
    let base: LanguageModel
    let compressor: Compressor
    let record: CompressorRecord
    let decoder: SoftPromptDecoder
    let folder: ModelFolder
    let evaluation: QuestionRows?
    let evaluationSoftTokens: SoftTokenCache
    let workspace: Workspace
    private let store: ParameterStore
    private let questions: QuestionRows
    private let softTokens: SoftTokenCache
    /// The largest parts of all rows, and the groups of the longest context.
    private let longest: QuestionRows.Lengths
    private let longestGroups: GroupLayout
    private let rates: CompressionRates
    let cut: SegmentCut
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
        try objective.check()
        folder = ModelFolder(try inputs.required(.model))
        base = try LanguageModel(folder: folder.path, team: workspace.team)
        let cut = try SegmentCut(objective.segment, contextLength: base.contextLength)
        self.cut = cut
        let start = try CompressorStart(
            spec, objective, inputs, base, folder, longest: cut.length, interruption: interruption)
        (compressor, record) = (start.compressor, start.record)
        let model = try LanguageModel(
            decoder: start.decoder, objective.stage2.train, objective.decoder, seed: spec.train.seed,
            team: workspace.team)
        guard let store = model.parameters else { throw TrainingError.nothingToTrain }
        self.store = store
        decoder = SoftPromptDecoder(model)
        let codec = try TextCodec(folder, folder.tokenizer(), model.configuration)
        let remainder = compressor.settings.remainder
        func rows(_ role: InputRole) throws -> QuestionRows? {
            try dataset(role).map {
                try QuestionRows(
                    $0, codec, maximumLength: spec.dataset.maxLength ?? .max, template: objective.prompt.qaTemplate,
                    positions: (
                        model.contextLength,
                        { cut.softTokenCount(of: $0, rate: objective.rates.lowest, remainder) }
                    ),
                    checkpoint: interruption)
            }
        }
        guard let training = try rows(.trainingData) else {
            throw TrainingError.specification("dataset.train: missing, and this method needs it")
        }
        questions = training
        evaluation = try rows(.evaluationData)
        rates = CompressionRates(
            settings: objective.rates, seed: spec.train.seed,
            totalSteps: BatchSchedule(rowCount: training.count, spec.train).totalSteps)
        softTokens = SoftTokenCache(compressor, cut, workspace)
        evaluationSoftTokens = SoftTokenCache(compressor, cut, workspace)
        longest = evaluation.map { training.longest.widened(by: $0.longest) } ?? training.longest
        longestGroups = try softTokens.groups(
            of: Array(repeating: 0, count: longest.context), rate: objective.rates.lowest)
    }

    package var parameters: ParameterStore { store }
    package var rowCount: Int { questions.count }
    package var datasetSha256: String { questions.identity }
    package var evaluates: Bool { evaluation != nil }

    package func weight(ofRow row: Int) throws -> Int {
        let tokens = objective.lossReduction == .sum ? 1 : try questions.question(row).answer.count
        return tokens * rates.samplesPerRow
    }

    package func accumulate(_ microbatch: Int, of step: StepRows) throws -> Int {
        var batch = SoftPromptBatch(width: base.configuration.hiddenSize)
        for (row, place) in step.placedRows(microbatch) {
            let question = try questions.question(row)
            for rate in rates.rates(step: step.step, place: place) {
                batch.append(
                    question, try softTokens.softTokens(SoftTokenCache.Key(row: row, rate: rate), of: question.context))
            }
        }
        let layout = try checked(batch)
        let weight = step.weight / rates.share(step: step.step)
        let pass = pass(step: step.step, microbatch: microbatch)
        let share = try decoder.run(batch.softTokens, layout, recording: recording, [], workspace, pass: pass) {
            decoder.backward(weight: weight, softTokenGradient: nil, layout, $0, pass, $1)
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

    private var recording: DecoderStack.Recording { spec.train.recompute ? .blockInputs : .full }

    private func pass(step: Int, microbatch: Int) -> Pass {
        guard objective.stage2.train == .lora, objective.decoder.loraDropout > 0 else { return Pass() }
        return Pass(dropout: Randomness.decoderDropout.stream(seed: spec.train.seed, index: step << 16 | microbatch))
    }

    /// What became of the rows, and the first of them.
    package func dataNotes(_ role: InputRole) throws -> [String] {
        guard let rows = role == .evaluationData ? evaluation : questions else { return [] }
        let first = try rows.question(0)
        let example = ContextExample(context: first.context, prompt: first.prompt, answer: first.answer)
        return rows.report.lines + ["the first example:\n" + example.description(rows.codec)]
    }

    func checked(_ batch: SoftPromptBatch) throws -> SoftPromptLayout {
        let layout = SoftPromptLayout(batch.prompts)
        try layout.check(decoder.model)
        return layout
    }
}

/// Soft tokens and prompts of some samples.
struct SoftPromptBatch {
    let width: Int
    private(set) var softTokens: [Real] = []
    private(set) var prompts: [SoftPrompt] = []

    init(width: Int) { self.width = width }

    /// The soft tokens of one of the prompts, end to end.
    func rows(_ prompt: SoftPrompt) -> [Real] {
        Array(softTokens[prompt.softTokens.lowerBound * width..<prompt.softTokens.upperBound * width])
    }

    mutating func append(_ question: QuestionRows.Question, _ rows: [Real]) {
        let first = softTokens.count / width
        softTokens += rows
        prompts.append(
            SoftPrompt(
                softTokens: first..<softTokens.count / width, prompt: question.prompt, target: question.answer))
    }
}

extension GMSAFinetuneTask: MemoryPlanning {
    package var models: [LanguageModel] { [decoder.model, base] }

    /// The largest of the decoder's longest step, the compressor's longest context, and reading the longest contexts
    /// themselves, which evaluation compares with.
    package var largestPassByteCount: Int {
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
                decoder.activations(for: layout, recording: recording, request: .statistics, $0)
            },
            Workspace.byteCount(workspace.team) { compressor.activations(for: longestGroups, recording: .none, $0) },
            evaluates ? readingByteCount(layout) : 0)
    }

    /// The decoder's steps, and each context once at each rate that it meets.
    package var compressionWork: CompressionWork? {
        get throws {
            let cost = CompressionCost(
                base, compressor.settings, cut, objective.stage2.train, objective.decoder, spec)
            let mean = try CompressionWork.mean(rows: questions.count, rates: objective.rates) { index in
                let question = try questions.question(index)
                return CompressionCost.Row(
                    context: question.context.count, prompt: question.prompt.count, target: question.answer.count)
            } _: { sample in
                CompressionWork.Share(
                    tokens: cost.decoderRows(sample), operations: cost.trainedDecoding(sample),
                    operationsBefore: cost.compression(sample))
            }
            return CompressionWork(
                tokens: mean.tokens, operations: mean.operations,
                operationsBefore: mean.operationsBefore * Double(compressedContexts), counted: "the decoder for",
                countedBefore: "every context compressed")
        }
    }

    /// Contexts that the training rows of the run are compressed to: a row that comes again may have another rate.
    private var compressedContexts: Int {
        let seen = BatchSchedule(rowCount: questions.count, spec.train).totalSteps * spec.train.rowsPerStep
        return switch objective.rates.sampling {
        case .sample, .batch: min(seen, questions.count * objective.rates.train.count)
        case .all, .fixed: min(seen, questions.count)
        }
    }

    private func readingByteCount(_ layout: SoftPromptLayout) -> Int {
        let texts = Array(repeating: [Int32](repeating: 0, count: longest.context), count: spec.train.microbatch)
        let reading = layout.reading(texts)
        guard reading.fits(decoder.model) else { return 0 }
        return Workspace.byteCount(workspace.team) {
            decoder.activations(for: reading, recording: .none, request: [], $0)
        }
    }
}
