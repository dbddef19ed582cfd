import Compute
import ContextCompression
import TestSupport
import Testing
import Transformer

/// Central differences in Double through decoder, alignment, merging and encoder.
@Suite(.enabled(if: isDoublePrecision, "central differences need --traits DoublePrecision"))
struct CompressorGradientTests {
    let team: ThreadTeam

    init() throws { team = try ThreadTeam(threads: 2) }

    private func check(_ store: ParameterStore, every stride: Int, _ loss: () -> Double) throws {
        for entry in store.entries {
            let parameter = store.parameter(entry)
            let gradient = try #require(parameter.gradient)
            // Two models deep, third derivatives are large: a smaller step than for one.
            let problem = gradientMismatch(
                parameter.value, gradient: gradient, every: stride, step: 2e-6, entry.name, loss)
            #expect(problem == nil)
        }
    }

    private func checkCompressor(
        _ autoencoder: Autoencoder, recording: DecoderStack.Recording = .full, pass: Pass = Pass()
    ) throws {
        let run = try CompressionRun(autoencoder, tinySamples(), recording: recording, pass: pass, team: team)
        _ = run.meanLossAndGradients()
        try check(autoencoder.compressor.parameters, every: 7) {
            run.forward()
            return run.meanLoss
        }
    }

    @Test(arguments: TinyModel.allCases, [DecoderStack.Recording.full, .blockInputs])
    func compressor(_ kind: TinyModel, _ recording: DecoderStack.Recording) throws {
        try checkCompressor(kind.autoencoder(team: team), recording: recording)
    }

    @Test func dropout() throws {
        var settings = CompressorSettings.tiny
        settings.adapterDropout = 0.4
        try checkCompressor(
            TinyModel.untied.autoencoder(settings, team: team), pass: Pass(dropout: RandomStream(seed: 11, stream: 12)))
    }

    @Test(arguments: [CompressorSettings.AlignmentNorm.frozen, .trained, .off], [true, false])
    func norms(_ alignment: CompressorSettings.AlignmentNorm, _ encoder: Bool) throws {
        var settings = CompressorSettings.tiny
        settings.alignmentNorm = alignment
        settings.hasEncoderNorm = encoder
        settings.alignmentLayers = 2
        try checkCompressor(TinyModel.tied.autoencoder(settings, team: team))
    }

    @Test func paddedRemainder() throws {
        var settings = CompressorSettings.tiny
        settings.remainder = .pad
        try checkCompressor(TinyModel.untied.autoencoder(settings, team: team))
    }

    @Test(arguments: TinyModel.allCases, [false, true])
    func decoder(_ kind: TinyModel, _ isWhole: Bool) throws {
        let autoencoder = try kind.autoencoder(decoder: isWhole ? .all : .keft, team: team)
        let run = try CompressionRun(autoencoder, tinySamples(), team: team)
        _ = run.meanLossAndDecoderGradients()
        let store = try #require(autoencoder.decoder.model.parameters)
        try check(store, every: 11) {
            run.forward()
            return run.meanLoss
        }
    }
}
