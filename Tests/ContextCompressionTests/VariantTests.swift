import Compute
import ContextCompression
import DurableFiles
import TestFolders
import TestSupport
import Testing
import Transformer

/// Stand-ins for the parts of a compressor: baselines, ablations, a learned prompt.
enum Variant: String, CaseIterable, Sendable {
    case memoryTokens, memoryWithAlignment, droppedRemainder, linearAlignment, noAlignment, randomAlignment, prompt

    var settings: CompressorSettings {
        var settings = CompressorSettings.tiny
        switch self {
        case .memoryTokens: (settings.merge, settings.memoryTokenCount, settings.alignment) = (.memoryTokens, 4, .linear)
        case .memoryWithAlignment: (settings.merge, settings.memoryTokenCount) = (.memoryTokens, 5)
        case .droppedRemainder:
            (settings.merge, settings.memoryTokenCount, settings.remainder) = (.memoryTokens, 4, .drop)
        case .linearAlignment: settings.alignment = .linear
        case .noAlignment: settings.alignment = .none
        case .randomAlignment: settings.alignmentStart = .random
        case .prompt: settings.hasLearnedPrompt = true
        }
        return settings
    }

    /// The ragged batch, asked for by the learned prompt where there is one.
    var samples: [CompressionSample] {
        tinySamples().filter { self != .droppedRemainder || $0.groupSize < 4 }.map {
            CompressionSample(
                segments: $0.segments, groupSize: $0.groupSize, hasLearnedPrompt: self == .prompt, prompt: $0.prompt,
                target: $0.target)
        }
    }
}

@Suite struct VariantTests {
    private let team: ThreadTeam

    init() throws { team = try ThreadTeam(threads: 2) }

    @Test(arguments: Variant.allCases) func batchEqualsSingles(_ variant: Variant) throws {
        let autoencoder = try TinyModel.untied.autoencoder(variant.settings, team: team)
        let whole = try CompressionRun(autoencoder, variant.samples, team: team)
        let count = Double(whole.batch.decoding.targets.count)
        let loss = whole.meanLossAndGradients()
        let gradients = try #require(autoencoder.compressor.parameters.gradients).doubles
        var singleLoss = 0.0
        autoencoder.compressor.parameters.zeroGradients(team)
        for sample in variant.samples {
            let run = try CompressionRun(autoencoder, [sample], team: team)
            run.forward()
            singleLoss += autoencoder.backward(run.batch, weight: count, run.activations, run.pass, run.context)
        }
        let singles = try #require(autoencoder.compressor.parameters.gradients).doubles
        let limit = isDoublePrecision ? 1e-11 : 3e-5
        #expect(mismatch([loss], [singleLoss], limit: limit, "loss") == nil)
        let largest = singles.reduce(1) { max($0, abs($1)) }
        #expect(mismatch(gradients, singles, limit: limit * largest, "gradients") == nil)
    }

    /// What is published and read back compresses the same; the record tells what it is.
    @Test(arguments: Variant.allCases) func readBack(_ variant: Variant) throws {
        let folder = try TestFolder()
        let autoencoder = try TinyModel.untied.autoencoder(variant.settings, team: team)
        let record = CompressorRecord(
            stage: .autoencoding, base: CompressorRecord.Base(id: "tiny", sha256: "abc"), settings: variant.settings,
            rates: [4], decoderTraining: "none", restatement: "again")
        var directory = try DurableDirectory(in: folder.path, name: "artifacts", temporaryName: "artifacts.tmp")
        try autoencoder.compressor.save(into: &directory, record, of: autoencoder.decoder.model, team: team)
        try directory.publish()
        let path = folder.path + "/artifacts"
        #expect(try CompressorRecord(folder: path) == record)
        let compressor = try Compressor(folder: path, record, of: autoencoder.decoder.model, trained: false)
        func losses(_ autoencoder: Autoencoder) throws -> Double {
            let run = try CompressionRun(autoencoder, variant.samples, recording: .none, team: team)
            run.forward()
            return run.meanLoss
        }
        let again = try losses(Autoencoder(compressor, autoencoder.decoder))
        #expect(mismatch([again], [try losses(autoencoder)], limit: isDoublePrecision ? 1e-5 : 0, "loss") == nil)
    }

    @Test func memoryTokensThatThereAreNot() throws {
        var settings = Variant.memoryTokens.settings
        settings.memoryTokenCount = 2
        let autoencoder = try TinyModel.untied.autoencoder(settings, team: team)
        #expect(throws: CompressionError.tooFewMemoryTokens(needed: 3, limit: 2)) {
            try CompressionRun(autoencoder, tinySamples(), team: team)
        }
    }

    /// The first segment's memory tokens see it and nothing of the second.
    @Test func memoryTokensFollowTheirSegment() throws {
        let layout = try GroupLayout(
            [GroupLayout.Context(segments: [5, 3], groupSize: 2)], merge: .memoryTokens)
        #expect(layout.encoder.segments.map(\.tokens) == [0..<8, 8..<13])
        #expect(layout.groups.map(\.rows) == [5..<6, 6..<7, 7..<8, 11..<12, 12..<13])
        #expect(layout.softTokens == [0..<5])
        #expect(layout.memoryTokenCount == 3)
    }

    /// A random alignment is not the base's, and every draw of one seed is the same.
    @Test func drawsAreOfTheSeed() throws {
        func weights(_ seed: UInt64, _ variant: Variant) throws -> [Double] {
            let base = try TinyModel.untied.model(layers: 3, trained: .none, headChunkRows: 4, team: team)
            let compressor = try Compressor(variant.settings, of: base, trained: true)
            compressor.weights.draw(seed: seed)
            return compressor.parameters.values.doubles
        }
        for variant in [Variant.randomAlignment, .memoryTokens, .prompt] {
            #expect(try weights(1, variant) == weights(1, variant))
            #expect(try weights(1, variant) != weights(2, variant))
        }
        var copied = Variant.randomAlignment.settings
        copied.alignmentStart = .decoderLower
        let base = try TinyModel.untied.model(layers: 3, trained: .none, headChunkRows: 4, team: team)
        let compressor = try Compressor(copied, of: base, trained: true)
        compressor.weights.draw(seed: 1)
        #expect(try weights(1, .randomAlignment) != compressor.parameters.values.doubles)
    }
}

/// Central differences in Double.
@Suite(.enabled(if: isDoublePrecision, "central differences need --traits DoublePrecision"))
struct VariantGradientTests {
    @Test(arguments: Variant.allCases, [DecoderStack.Recording.full, .blockInputs])
    func gradients(_ variant: Variant, _ recording: DecoderStack.Recording) throws {
        let team = try ThreadTeam(threads: 2)
        let autoencoder = try TinyModel.untied.autoencoder(variant.settings, team: team)
        let run = try CompressionRun(autoencoder, variant.samples, recording: recording, team: team)
        _ = run.meanLossAndGradients()
        let store = autoencoder.compressor.parameters
        for entry in store.entries {
            let parameter = store.parameter(entry)
            let problem = gradientMismatch(
                parameter.value, gradient: try #require(parameter.gradient), every: 7, step: 2e-6, entry.name
            ) {
                run.forward()
                return run.meanLoss
            }
            #expect(problem == nil)
        }
    }
}
