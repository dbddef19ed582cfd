package import Compute
package import Transformer

/// One sample: a context to compress, and what the decoder reads and writes after its soft tokens.
package struct CompressionSample: Sendable {
    /// Tokens of each segment that is compressed by itself.
    package let segments: [[Int32]]
    /// Tokens for one soft token.
    package let groupSize: Int
    /// The instruction to restate, or a question.
    package let prompt: [Int32]
    /// The text or the answer, its end token included.
    package let target: [Int32]
    /// Whether the learned embedding that asks to restate stands before the prompt.
    package let hasLearnedPrompt: Bool

    /// A sample in general.
    package init(
        segments: [[Int32]], groupSize: Int, hasLearnedPrompt: Bool = false, prompt: [Int32], target: [Int32]
    ) {
        self.segments = segments
        self.groupSize = groupSize
        self.hasLearnedPrompt = hasLearnedPrompt
        self.prompt = prompt
        self.target = target
    }

    /// The autoencoder's sample: the target is the context and the end token.
    package init(restating context: [Int32], groupSize: Int, prompt: [Int32], end: Int32) {
        self.init(segments: [context], groupSize: groupSize, prompt: prompt, target: context + [end])
    }
}

/// Samples packed for the compressor and for the decoder.
package struct CompressionBatch: Sendable {
    /// Context tokens end to end.
    package let ids: [Int32]
    /// Rows of the compressor.
    package let groups: GroupLayout
    /// Rows of the decoder.
    package let decoding: SoftPromptLayout

    /// Packs samples in order. Throws for an empty context or a rate below 1.
    package init(
        _ samples: [CompressionSample], remainder: GroupLayout.Remainder = .mean, merge: GroupLayout.Merge = .mean
    ) throws(CompressionError) {
        ids = samples.flatMap { $0.segments.flatMap { $0 } }
        let groups = try GroupLayout(
            samples.map { GroupLayout.Context(segments: $0.segments.map(\.count), groupSize: $0.groupSize) },
            remainder: remainder, merge: merge)
        self.groups = groups
        decoding = SoftPromptLayout(
            zip(samples, groups.softTokens).map {
                SoftPrompt(
                    softTokens: $1, hasLearnedPrompt: $0.hasLearnedPrompt, prompt: $0.prompt, target: $0.target)
            })
    }

    /// Rows of the compressor and of the decoder together.
    package var tokenCount: Int {
        groups.encoder.tokenCount + groups.merged.tokenCount + decoding.sequences.tokenCount
    }

    /// Throws unless every id and every position is one that the models have, and every memory token one that there is.
    package func check(_ autoencoder: Autoencoder) throws {
        let model = autoencoder.decoder.model
        try groups.check(contextLength: model.contextLength)
        try autoencoder.compressor.check(groups)
        try model.check(ids, groups.encoder)
        try decoding.check(model)
    }
}

/// Compressor and decoder together: GMSA's first stage. Both read the same base weights unless the decoder is trained
/// too; then its weights are its own.
package struct Autoencoder {
    /// What is trained.
    package let compressor: Compressor
    /// Frozen, or trained with the compressor.
    package let decoder: SoftPromptDecoder

    /// A compressor with the model that it was made for.
    package init(_ compressor: Compressor, _ decoder: SoftPromptDecoder) {
        self.compressor = compressor
        self.decoder = decoder
    }

    /// Memory of one pass over a batch.
    package struct Activations {
        /// H, Z and S.
        package let compressor: Compressor.Activations
        /// Hidden states and scores.
        package let decoder: SoftPromptDecoder.Activations
    }

    /// Lays out the memory of a pass, and of its adjoint unless nothing is recorded.
    package func activations(
        for batch: CompressionBatch, recording: DecoderStack.Recording, request: HeadRequest = [],
        _ context: Context
    ) -> Activations {
        Activations(
            compressor: compressor.activations(for: batch.groups, recording: recording, context),
            decoder: decoder.activations(for: batch.decoding, recording: recording, request: request, context))
    }

    /// Soft tokens, then the decoder's hidden states.
    ///
    /// - Parameters:
    ///   - pass: dropout of the encoder's adapters.
    ///   - decoding: dropout of the decoder's, where it has some.
    package func forward(
        _ batch: CompressionBatch, _ a: Activations, _ pass: Pass, decoding: Pass = Pass(), _ context: Context
    ) {
        let softTokens = compressor.forward(batch.ids, batch.groups, a.compressor, pass, context)
        decoder.forward(softTokens, prompt: prompt?.value, batch.decoding, a.decoder, decoding, context)
    }

    /// The learned prompt; nil where words ask to restate.
    package var prompt: Parameter? { compressor.weights.prompt }

    /// Adds the gradient of Σ −log p / weight to the parameters, after a forward pass that recorded.
    ///
    /// - Returns: the loss in nats.
    package func backward(
        _ batch: CompressionBatch, weight: Double, _ a: Activations, _ pass: Pass, decoding: Pass = Pass(),
        _ context: Context
    ) -> Double {
        let loss = decoder.backward(
            weight: weight, softTokenGradient: a.compressor.softTokenGradient, promptGradient: prompt?.gradient,
            batch.decoding, a.decoder, decoding, context)
        compressor.backward(batch.groups, a.compressor, pass, context.asking(for: .parameters))
        return loss
    }
}
