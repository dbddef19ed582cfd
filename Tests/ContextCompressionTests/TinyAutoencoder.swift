import Compute
import ContextCompression
import TestSupport
import Transformer

/// Compressors over the small random models.
extension TinyModel {
    /// - Parameters:
    ///   - isShaken: whether adapters and alignment layers move away from where they start.
    ///   - decoder: what trains in a decoder of its own; the compressor's base when left out.
    func autoencoder(
        _ settings: CompressorSettings = .tiny, isShaken: Bool = true, decoder trained: TrainedTensors? = nil,
        team: ThreadTeam
    ) throws -> Autoencoder {
        let base = try model(layers: 3, trained: .none, headChunkRows: 4, team: team)
        let compressor = try Compressor(settings, of: base, trained: true)
        compressor.weights.drawAdapters(seed: 4)
        if isShaken { shake(compressor.parameters) }
        let decoder = try trained.map { try model(layers: 3, trained: $0, headChunkRows: 4, team: team) } ?? base
        return Autoencoder(compressor, SoftPromptDecoder(decoder))
    }

    private func shake(_ store: ParameterStore) {
        let stream = RandomStream(seed: 6, stream: 6)
        for index in 0..<store.count { store.values[0, index] += Real(0.2 * stream.normal(UInt64(index))) }
    }
}

extension CompressorSettings {
    static let tiny = CompressorSettings(
        encoderLayers: 2, adapterRank: 3, adapterAlpha: 5, adapterDropout: 0, alignmentLayers: 1)
}

/// A ragged batch: lengths below, at and above a group, different rates, one context in segments, one empty prompt.
func tinySamples() -> [CompressionSample] {
    [
        CompressionSample(restating: tinyTokens(7, seed: 1), groupSize: 3, prompt: tinyTokens(2, seed: 2), end: 2),
        CompressionSample(restating: tinyTokens(2, seed: 3), groupSize: 4, prompt: [], end: 2),
        CompressionSample(
            segments: [tinyTokens(5, seed: 4), tinyTokens(3, seed: 5)], groupSize: 2, prompt: tinyTokens(1, seed: 6),
            target: tinyTokens(4, seed: 7)),
    ]
}
