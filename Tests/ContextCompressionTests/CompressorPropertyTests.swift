import Compute
import ContextCompression
import Safetensors
import TestSupport
import Testing
import Transformer

/// Different ways to compute the same thing.
@Suite struct CompressorPropertyTests {
    private let team: ThreadTeam
    private let limit = isDoublePrecision ? 1e-11 : 3e-5

    init() throws { team = try ThreadTeam(threads: 2) }

    private func softTokens(_ autoencoder: Autoencoder, _ context: [Int32], rate: Int) throws -> Matrix {
        let sample = CompressionSample(restating: context, groupSize: rate, prompt: [], end: 2)
        let run = try CompressionRun(autoencoder, [sample], recording: .none, team: team)
        run.forward()
        let kept = try Arena(byteCount: run.softTokens.count * 8 + 64)
            .retainedMatrix(run.softTokens.rows, run.softTokens.columns)
        kept.matrix.copy(from: run.softTokens)
        retained.append(kept)
        return kept.matrix
    }

    private let retained = Retained()

    @Test(arguments: TinyModel.allCases) func batchEqualsSingles(_ kind: TinyModel) throws {
        let autoencoder = try kind.autoencoder(team: team)
        let whole = try CompressionRun(autoencoder, tinySamples(), team: team)
        let count = Double(whole.batch.decoding.targets.count)
        let loss = whole.meanLossAndGradients()
        let gradients = try #require(autoencoder.compressor.parameters.gradients).doubles

        var (singleLoss, softTokens): (Double, [Double]) = (0, [])
        autoencoder.compressor.parameters.zeroGradients(team)
        for sample in tinySamples() {
            let run = try CompressionRun(autoencoder, [sample], team: team)
            run.forward()
            singleLoss += autoencoder.backward(run.batch, weight: count, run.activations, run.pass, run.context)
            softTokens += run.softTokens.doubles
        }
        let singleGradients = try #require(autoencoder.compressor.parameters.gradients).doubles
        #expect(mismatch(whole.softTokens.doubles, softTokens, limit: limit, "soft tokens") == nil)
        #expect(mismatch([loss], [singleLoss], limit: limit, "loss") == nil)
        let largest = singleGradients.reduce(1) { max($0, abs($1)) }
        #expect(mismatch(gradients, singleGradients, limit: limit * largest, "gradients") == nil)
    }

    /// Attention is causal on both sides of merging: groups that are complete stay as they are.
    @Test(arguments: TinyModel.allCases, [1, 2, 4])
    func appendedTextLeavesFinishedGroups(_ kind: TinyModel, _ rate: Int) throws {
        let autoencoder = try kind.autoencoder(team: team)
        let text = tinyTokens(13, seed: 8)
        let whole = try softTokens(autoencoder, text, rate: rate)
        for length in [4, 6, 8] {
            let finished = length / rate
            let prefix = try softTokens(autoencoder, Array(text.prefix(length)), rate: rate)
            let (mine, expected) = (prefix.rows(0..<finished).doubles, whole.rows(0..<finished).doubles)
            #expect(mismatch(mine, expected, limit: limit, "\(length) of 13 tokens") == nil)
        }
    }

    @Test func segmentsAreCompressedApart() throws {
        let autoencoder = try TinyModel.untied.autoencoder(team: team)
        let (first, second) = (tinyTokens(5, seed: 1), tinyTokens(4, seed: 2))
        let sample = CompressionSample(segments: [first, second], groupSize: 2, prompt: [], target: [2])
        let run = try CompressionRun(autoencoder, [sample], team: team)
        run.forward()
        let apart =
            try softTokens(autoencoder, first, rate: 2).doubles + softTokens(autoencoder, second, rate: 2).doubles
        #expect(mismatch(run.softTokens.doubles, apart, limit: limit, "soft tokens") == nil)
    }

    /// Before the first step B is zero and the alignment is the decoder's own first layer: states are the base's.
    @Test(arguments: TinyModel.allCases) func freshCompressorIsItsBase(_ kind: TinyModel) throws {
        var settings = CompressorSettings.tiny
        settings.encoderLayers = 3
        let autoencoder = try kind.autoencoder(settings, isShaken: false, team: team)
        let context = tinyTokens(6, seed: 9)
        let run = try CompressionRun(
            autoencoder, [CompressionSample(restating: context, groupSize: 1, prompt: [], end: 2)], team: team)
        run.forward()
        let plain = try ModelRun(autoencoder.decoder.model, sequences: [context], recording: .none, team: team)
        plain.forwardHidden()
        let (states, merged) = (run.activations.compressor.states, run.activations.compressor.merged)
        #expect(mismatch(states.doubles, plain.activations.hidden.doubles, limit: limit, "states") == nil)
        #expect(merged.doubles == states.doubles, "rate 1 merges nothing")
    }

    @Test func decoderSharesTheBase() throws {
        let autoencoder = try TinyModel.untied.autoencoder(team: team)
        let (encoder, decoder) = (autoencoder.compressor.encoder, autoencoder.decoder.model.stack)
        for (mine, other) in zip(encoder.blocks, decoder.blocks) {
            #expect(mine.attention.norm.weight.value.base == other.attention.norm.weight.value.base)
        }
        let (embedding, table) = (autoencoder.compressor.embedding, autoencoder.decoder.model.embedding)
        #expect(embedding.weight.value.base == table.weight.value.base)
    }

    @Test func onlyItsOwnTensorsAreTrained() throws {
        let autoencoder = try TinyModel.biased.autoencoder(team: team)
        let names = autoencoder.compressor.parameters.entries.map(\.name)
        #expect(names.filter { $0.hasSuffix(".lora_A.weight") }.count == 14)
        #expect(names.filter { $0.hasSuffix(".lora_B.weight") }.count == 14)
        #expect(names.filter { $0.hasPrefix("lsa.layers.0.") }.count == 16)
        #expect(names.count == 44)
        #expect(autoencoder.decoder.model.parameters == nil)
    }

    @Test func refusals() throws {
        let trained = try TinyModel.untied.model(team: team)
        #expect(throws: CompressionError.trainedBase) { try Compressor(.tiny, of: trained, trained: true) }
        let base = try TinyModel.untied.model(trained: .none, team: team)
        var settings = CompressorSettings.tiny
        settings.encoderLayers = 3
        #expect(throws: CompressionError.layersOutOfRange(part: "encoder", found: 3, limit: 2)) {
            try Compressor(settings, of: base, trained: true)
        }
        settings.encoderLayers = 1
        settings.alignmentLayers = 0
        #expect(throws: CompressionError.layersOutOfRange(part: "lsa", found: 0, limit: 2)) {
            try Compressor(settings, of: base, trained: true)
        }
        settings.alignmentLayers = 1
        let compressor = try Compressor(settings, of: base, trained: true)
        let long = CompressionSample(restating: tinyTokens(65, seed: 1), groupSize: 4, prompt: [], end: 2)
        #expect(throws: CompressionError.contextTooLong(length: 65, limit: 64)) {
            try CompressionBatch([long]).check(Autoencoder(compressor, SoftPromptDecoder(base)))
        }
    }
}

/// Memory that lives as long as a test.
private final class Retained {
    private var matrices: [RetainedMatrix] = []

    func append(_ matrix: RetainedMatrix) { matrices.append(matrix) }
}
