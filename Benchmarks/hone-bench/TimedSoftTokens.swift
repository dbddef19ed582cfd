import ArgumentParser
import Compute
import ContextCompression
import JobModel
import Transformer

/// The latency table of compressed contexts: compress, prefill, each token, end to end, for the first question about a
/// context and for the next one, beside plain text. The compressor is fresh: weights do not change the time.
struct TimedSoftTokens: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soft-tokens", abstract: "Times compression and answers about soft tokens and plain text.")

    @Argument(help: "A model folder.") var model: String
    @Option(help: "Tokens of the context.") var length = 512
    @Option(help: "Tokens for one soft token; may be repeated.") var rate: [Int] = [4, 8, 16]
    @Option(help: "Layers of the encoder.") var encoderLayers = 8
    @Option(help: "Tokens of the question.") var question = 16
    @Option(help: "Tokens of the answer.") var new = 16
    @OptionGroup var repetitions: Repetitions

    func run() throws {
        let team = try ThreadTeam(threads: repetitions.threads)
        let model = try LanguageModel(folder: model, team: team)
        let settings = CompressorSettings(encoderLayers: encoderLayers)
        let compressor = ContextCompressor(try Compressor(settings, of: model, trained: false), of: model, team: team)
        let bench = SoftTokenBench(
            model: model, compressor: compressor, context: tokens(length, 1), question: tokens(question, 2), new: new,
            repetitions: repetitions, team: team)
        let plain = try bench.answerPlain()
        try Line(what: "plain", soft: length, compress: 0, plain, prediction: nil).write()
        for rate in rate {
            let (compress, answer) = try bench.answerCompressed(rate: rate)
            let cost = PrefillCost(model.configuration, encoderLayers: encoderLayers)
            try Line(
                what: "rate \(rate)", soft: (length + rate - 1) / rate, compress: compress, answer,
                prediction: cost.speedup(length: length, question: question, rate: rate)
            ).write()
        }
    }

    private func tokens(_ count: Int, _ stream: UInt64) -> [Int32] {
        let random = RandomStream(seed: 7, stream: stream)
        return (0..<count).map { 3 + Int32(random.uniform(UInt64($0)) * 1000) }
    }

    /// One row of the table, in seconds.
    private struct Line: Encodable {
        let what: String
        let contextRows: Int
        let compress, prefix, question, perToken: Double
        let firstQuestion, repeatedQuestion: Double
        /// Prefill speed-up over plain text that multiply-adds predict: first question, further questions.
        let predictedSpeedup: [Double]?

        init(what: String, soft: Int, compress: Double, _ answer: SoftTokenBench.Times, prediction: [Double]?) {
            self.what = what
            contextRows = soft
            self.compress = compress
            (prefix, question, perToken) = (answer.prefix, answer.question, answer.perToken)
            firstQuestion = compress + answer.prefix + answer.question + answer.write
            repeatedQuestion = answer.question + answer.write
            predictedSpeedup = prediction
        }

        func write() throws { print(String(decoding: try JSONCoding.encode(self), as: UTF8.self)) }
    }
}

/// What is timed.
struct SoftTokenBench {
    /// The least of all repetitions, in seconds.
    struct Times {
        let prefix, question, write, perToken: Double
    }

    let model: LanguageModel
    let compressor: ContextCompressor
    let context, question: [Int32]
    let new: Int
    let repetitions: Repetitions
    let team: ThreadTeam

    func answerPlain() throws -> Times {
        try answer(rows: context.count) { try $0.read(context) }
    }

    /// Compression, then answers behind its soft tokens.
    func answerCompressed(rate: Int) throws -> (compress: Double, Times) {
        let origin = CompressedContext.Origin(
            compressor: "", tokenizer: "", stage: .autoencoding, baseModel: "", groupSize: rate, remainder: .mean,
            segmentLength: model.contextLength)
        var text = try compressor.compress(context, origin)
        let compress = least(try seconds(repetitions) { text = try compressor.compress(context, origin) })
        let count = text.count
        let times = try text.softTokens.withUnsafeMutableBufferPointer { buffer in
            let base = buffer.baseAddress
            return try answer(rows: count) { session in
                guard let base else { return }
                let width = model.configuration.hiddenSize
                try session.read(embeddings: Matrix(base: base, rows: count, columns: width))
            }
        }
        return (compress, times)
    }

    private func answer(rows: Int, _ readContext: (inout PromptSession) throws -> Void) throws -> Times {
        let capacity = rows + question.count + new
        let arena = try Arena(byteCount: PromptSession.byteCount(model, capacity: capacity, team: team))
        var session = PromptSession(
            model, capacity: capacity, Context(arena: arena, team: team, gradients: []))
        let start = session.mark()
        let prefix = least(
            try seconds(repetitions) {
                session.rewind(to: start)
                try readContext(&session)
            })
        let read = session.mark()
        let asked = least(
            try seconds(repetitions) {
                session.rewind(to: read)
                try session.read(question)
            })
        let before = session.mark()
        let write = least(
            try seconds(repetitions) {
                session.rewind(to: before)
                _ = try session.write(maximumNewTokens: new)
            })
        return Times(prefix: prefix, question: asked, write: write, perToken: write / Double(new))
    }

    /// The least of some repetitions: what the work takes when nothing else disturbs it.
    private func least(_ values: [Double]) -> Double { values.min() ?? 0 }
}

/// Multiply-adds of a prefill, without attention, as the paper's cost model counts them.
private struct PrefillCost {
    let layers: Double
    let encoderLayers: Double

    init(_ configuration: ModelConfiguration, encoderLayers: Int) {
        layers = Double(configuration.layerCount)
        self.encoderLayers = Double(encoderLayers)
    }

    /// In units of one layer and one token: plain context and question over compression with one alignment layer,
    /// soft tokens and question; then the same with soft tokens that are there already.
    func speedup(length: Int, question: Int, rate: Int) -> [Double] {
        let soft = Double((length + rate - 1) / rate)
        let plain = layers * Double(length + question)
        let again = layers * (soft + Double(question))
        return [plain / (encoderLayers * Double(length) + soft + again), plain / again]
    }
}
