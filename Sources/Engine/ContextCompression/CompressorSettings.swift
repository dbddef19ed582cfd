/// The shape of a compressor.
package struct CompressorSettings: Sendable, Hashable {
    /// What becomes of the norm after the alignment layers.
    package enum AlignmentNorm: String, Sendable, Hashable {
        /// The base's final norm, frozen.
        case frozen
        /// A copy of it that is trained.
        case trained = "train"
        /// None.
        case off
    }

    /// What aligns merged states with the decoder.
    package enum Alignment: String, Sendable, Hashable, CaseIterable {
        /// Decoder layers of their own.
        case layers
        /// One linear map with bias and no norm.
        case linear
        /// Nothing.
        case none
    }

    /// What the alignment layers started from.
    package enum AlignmentStart: String, Sendable, Hashable, CaseIterable {
        /// The base's first layers.
        case decoderLower = "decoder_lower"
        /// Random weights.
        case random
    }

    /// The first layers of the base that read the context.
    package var encoderLayers: Int
    /// Inner size of the adapter beside every linear of the encoder.
    package var adapterRank: Int
    /// Numerator of the adapters' scale, alpha / rank.
    package var adapterAlpha: Double
    /// On the adapters' input, during training.
    package var adapterDropout: Double
    /// Whether the base's final norm follows the encoder.
    package var hasEncoderNorm: Bool
    /// Layers of their own, copied from the decoder's first ones, that carry merged states to the decoder's inputs.
    package var alignmentLayers: Int
    /// The norm after them; none follows other kinds of alignment.
    package var alignmentNorm: AlignmentNorm
    /// What aligns merged states with the decoder.
    package var alignment: Alignment
    /// What the alignment layers started from.
    package var alignmentStart: AlignmentStart
    /// How states become soft tokens.
    package var merge: GroupLayout.Merge
    /// Rows of the table of memory tokens; 0 for merging by mean.
    package var memoryTokenCount: Int
    /// Whether an embedding of its own asks the decoder to restate.
    package var hasLearnedPrompt: Bool
    /// What becomes of a last group with fewer tokens.
    package var remainder: GroupLayout.Remainder

    /// The official implementation's shape by default.
    package init(
        encoderLayers: Int = 8, adapterRank: Int = 128, adapterAlpha: Double = 32, adapterDropout: Double = 0.05,
        hasEncoderNorm: Bool = true, alignmentLayers: Int = 1, alignmentNorm: AlignmentNorm = .frozen,
        remainder: GroupLayout.Remainder = .mean, alignment: Alignment = .layers,
        alignmentStart: AlignmentStart = .decoderLower, merge: GroupLayout.Merge = .mean, memoryTokenCount: Int = 0,
        hasLearnedPrompt: Bool = false
    ) {
        self.encoderLayers = encoderLayers
        self.adapterRank = adapterRank
        self.adapterAlpha = adapterAlpha
        self.adapterDropout = adapterDropout
        self.hasEncoderNorm = hasEncoderNorm
        self.alignmentLayers = alignmentLayers
        self.alignmentNorm = alignmentNorm
        self.remainder = remainder
        self.alignment = alignment
        self.alignmentStart = alignmentStart
        self.merge = merge
        self.memoryTokenCount = memoryTokenCount
        self.hasLearnedPrompt = hasLearnedPrompt
    }

    /// Factor on an adapter's output.
    package var adapterScale: Double { adapterAlpha / Double(adapterRank) }

    /// Layers of the alignment stack: none for other kinds of alignment.
    var stackedLayers: Int { alignment == .layers ? alignmentLayers : 0 }

    /// Throws unless both stacks fit into a model of `layerCount` layers.
    func check(layerCount: Int) throws(CompressionError) {
        for (part, layers) in [("encoder", encoderLayers), ("lsa", alignmentLayers)]
        where !(1...layerCount).contains(layers) && (part == "encoder" || alignment == .layers) {
            throw .layersOutOfRange(part: part, found: layers, limit: layerCount)
        }
    }
}
