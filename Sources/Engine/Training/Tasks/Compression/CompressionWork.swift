import ContextCompression
import JobModel
import Transformer

/// The matrix products of GMSA's training, for estimates of time, in multiplications and additions.
package struct CompressionWork: Sendable, Hashable {
    /// Tokens that go through the models for a row in a step.
    package let tokens: Double
    /// Of a row in a step.
    package let operations: Double
    /// Of everything that is computed once, when rows are new.
    package let operationsBefore: Double
    /// What was counted, in words.
    let counted, countedBefore: String
}

/// What samples cost, counted from the shapes of the compressor and its decoder.
struct CompressionCost {
    private let cost: LayerCost
    private let settings: CompressorSettings
    private let cut: SegmentCut
    private let training: GMSADecoderTraining
    private let decoder: GMSADecoderSettings
    private let recomputes: Bool

    init(
        _ base: LanguageModel, _ settings: CompressorSettings, _ cut: SegmentCut, _ training: GMSADecoderTraining,
        _ decoder: GMSADecoderSettings, _ spec: JobSpec
    ) {
        cost = LayerCost(base)
        self.settings = settings
        self.cut = cut
        self.training = training
        self.decoder = decoder
        recomputes = spec.train.recompute
    }

    /// What a row brings to each of its samples, in tokens.
    struct Row {
        let context, prompt, target: Int
    }

    /// A row at one rate.
    struct Sample {
        let row: Row
        let rate: Int
    }

    func softTokens(_ sample: Sample) -> Int {
        cut.softTokenCount(of: sample.row.context, rate: sample.rate, settings.remainder)
    }

    /// Tokens of encoder, alignment and decoder.
    func tokens(_ sample: Sample) -> Int { encoderRows(sample) + softTokens(sample) + decoderRows(sample) }

    /// Tokens of the decoder alone.
    func decoderRows(_ sample: Sample) -> Int { softTokens(sample) + sample.row.prompt + sample.row.target }

    /// One pass of the compressor without a way back.
    func compression(_ sample: Sample) -> Double {
        encoderPass(sample) + adapters(sample) + alignmentPass(sample)
    }

    /// A step of the compressor: its base has no weight gradients, its adapters and alignment layers have.
    func trainedCompression(_ sample: Sample) -> Double {
        encoderPass(sample) * passes(2) + adapters(sample) * passes(3) + alignmentPass(sample) * passes(3)
    }

    /// A step of the decoder.
    func trainedDecoding(_ sample: Sample) -> Double {
        let (rows, targets) = (Double(decoderRows(sample)), Double(sample.row.target))
        let head = cost.head(targets: targets)
        let pass = cost.forward(tokens: rows, seen: rows / 2, layers: cost.layers)
        return pass * passes(2) + head * 2 + weightGradients(rows, head)
    }

    private func passes(_ count: Double) -> Double { count + (recomputes ? 1 : 0) }

    private func weightGradients(_ rows: Double, _ head: Double) -> Double {
        let layers = Double(cost.layers)
        return switch training {
        case .frozen: 0
        case .qkv: 2 * rows * layers * cost.queryKeyValue
        case .full: 2 * rows * layers * cost.matrices + head
        case .lora: 6 * rows * layers * Double(decoder.loraRank) * (3 * cost.width + cost.queryKeyValue / cost.width)
        }
    }

    private func encoderRows(_ sample: Sample) -> Int {
        sample.row.context + (settings.merge == .memoryTokens ? softTokens(sample) : 0)
    }

    private func encoderPass(_ sample: Sample) -> Double {
        cost.forward(
            tokens: Double(encoderRows(sample)), seen: Double(min(sample.row.context, cut.length)) / 2,
            layers: settings.encoderLayers)
    }

    /// Beside seven matrices, each adapter as wide as both sides of its matrix together: 2 · rank · Σ (in + out).
    private func adapters(_ sample: Sample) -> Double {
        let sides = 3 * cost.width + cost.queryKeyValue / cost.width + cost.attentionOutput / cost.width + cost.width
            + 3 * (cost.width + cost.intermediateWidth)
        return 2 * Double(encoderRows(sample) * settings.encoderLayers * settings.adapterRank) * sides
    }

    private func alignmentPass(_ sample: Sample) -> Double {
        let rows = Double(softTokens(sample))
        return switch settings.alignment {
        case .layers: cost.forward(tokens: rows, seen: rows / 2, layers: settings.alignmentLayers)
        case .linear: 2 * rows * cost.width * cost.width
        case .none: 0
        }
    }
}

extension CompressionWork {
    /// What a sample takes.
    struct Share {
        var tokens = 0
        /// In a step, and once when its row is new.
        var operations = 0.0, operationsBefore = 0.0
    }

    /// The mean over up to 64 rows, evenly spread, of one sample at each trained rate where a row makes them all, else
    /// of one at any of them.
    ///
    /// - Parameter row: looks at a row, once.
    static func mean(
        rows: Int, rates: GMSARateSettings, _ row: (Int) throws -> CompressionCost.Row,
        _ share: (CompressionCost.Sample) -> Share
    ) rethrows -> (tokens: Double, operations: Double, operationsBefore: Double) {
        let sampled = max(1, min(rows, 64))
        let trained = rates.sampling == .fixed ? Array(rates.train.prefix(1)) : rates.train
        var total = Share()
        for index in 0..<min(rows, sampled) {
            let row = try row(index * rows / sampled)
            for rate in trained {
                let found = share(CompressionCost.Sample(row: row, rate: rate))
                total.tokens += found.tokens
                total.operations += found.operations
                total.operationsBefore += found.operationsBefore
            }
        }
        let samples = Double(sampled * (rates.sampling == .all ? 1 : trained.count))
        return (Double(total.tokens) / samples, total.operations / samples, total.operationsBefore / samples)
    }
}
