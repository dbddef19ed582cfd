package import Compute
package import Transformer

/// Turns a context of L tokens into ⌈L / rate⌉ soft tokens (GMSA): the first layers of the base with LoRA, the base's
/// final norm, the mean of each group, alignment layers of its own, the base's final norm again.
///
/// Base weights are the decoder's: one copy in memory, frozen. All attention is causal, so a finished group does not
/// change when text is appended.
///
/// The parts have stand-ins for ablations and baselines: memory tokens after the context instead of merging, a linear
/// map or nothing instead of alignment layers.
package struct Compressor {
    /// Its shape.
    package let settings: CompressorSettings
    /// What it adds to the base.
    package let weights: CompressorWeights
    /// The base's token embedding.
    package let embedding: Embedding
    /// The base's first layers with adapters.
    package let encoder: DecoderStack
    /// After the encoder.
    package let encoderNorm: RMSNorm?
    /// Layer semantic alignment.
    package let alignment: DecoderStack
    /// After the alignment layers.
    package let alignmentNorm: RMSNorm?
    /// Instead of alignment layers.
    let linear: LinearGroup?

    /// A compressor for `base`, with adapters at zero and alignment layers copied from the base's first ones.
    ///
    /// - Parameters:
    ///   - store: where its tensors are, among those of a decoder that is trained too; a store of its own when left
    ///     out.
    ///   - trained: false leaves out the gradients.
    /// - Throws: `CompressionError` for more layers than the base has or a base that is trained itself.
    package init(
        _ settings: CompressorSettings, of base: LanguageModel, sharing store: ParameterStore? = nil, trained: Bool
    ) throws {
        guard base.parameters == nil else { throw CompressionError.trainedBase }
        let weights = try CompressorWeights(settings, base, sharing: store, trained: trained)
        self.settings = settings
        self.weights = weights
        embedding = base.embedding
        encoder = Self.encoder(settings, base, weights)
        encoderNorm = settings.hasEncoderNorm ? base.norm : nil
        alignment = Self.alignment(settings, base, weights)
        alignmentNorm =
            switch (settings.alignment, settings.alignmentNorm) {
            case (.layers, .frozen): base.norm
            case (.layers, .trained):
                weights.alignment(.finalNorm).map { RMSNorm(weight: $0, epsilon: base.norm.epsilon) }
            case (.layers, .off), (.linear, _), (.none, _): nil
            }
        linear = weights.linear
    }

    private static func encoder(
        _ settings: CompressorSettings, _ base: LanguageModel, _ weights: CompressorWeights
    ) -> DecoderStack {
        let blocks = base.stack.blocks.prefix(settings.encoderLayers).enumerated().map { layer, block in
            block.rebuilt(
                from: DecoderBlock.Parts(
                    layer: layer, parameter: { base.weights[.layer(layer, $0)] },
                    adapter: { weights.adapter(layer, $0) }, dropout: settings.adapterDropout))
        }
        return DecoderStack(blocks: blocks, hiddenSize: base.configuration.hiddenSize)
    }

    private static func alignment(
        _ settings: CompressorSettings, _ base: LanguageModel, _ weights: CompressorWeights
    ) -> DecoderStack {
        let blocks = base.stack.blocks.prefix(settings.stackedLayers).enumerated().map { layer, block in
            block.rebuilt(
                from: DecoderBlock.Parts(
                    layer: layer, parameter: { weights.alignment(.layer(layer, $0)) }, adapter: { _ in nil },
                    dropout: 0))
        }
        return DecoderStack(blocks: blocks, hiddenSize: base.configuration.hiddenSize)
    }

    /// All trained tensors, those of a decoder in the same store included.
    package var parameters: ParameterStore { weights.store }

    /// The rows and groups of some contexts, as this compressor merges.
    package func groups(of contexts: [GroupLayout.Context]) throws(CompressionError) -> GroupLayout {
        let layout = try GroupLayout(contexts, remainder: settings.remainder, merge: settings.merge)
        try check(layout)
        return layout
    }

    /// Throws when a segment needs more memory tokens than there are.
    func check(_ layout: GroupLayout) throws(CompressionError) {
        guard layout.memoryTokenCount <= settings.memoryTokenCount else {
            throw .tooFewMemoryTokens(needed: layout.memoryTokenCount, limit: settings.memoryTokenCount)
        }
    }
}

// MARK: - Passes

extension Compressor {
    /// Memory of one pass over some contexts.
    package struct Activations {
        let encoder: DecoderStack.Activations
        let alignment: DecoderStack.Activations
        let encoderInverseRMS, alignmentInverseRMS: Matrix
        /// Encoder rows × hidden, after the encoder's norm: H.
        package let states: Matrix
        /// Groups × hidden: S.
        package let softTokens: Matrix
        /// ∂/∂S, for the caller to fill; no rows when nothing is recorded.
        package let softTokenGradient: Matrix
        /// Gradients on their way down: below the alignment norm and layers, of H, below the encoder's norm.
        let mergedGradient, stateGradient, encoderGradient: Matrix
        let linear: LinearGroup.Activations?
        /// Rows of the encoder whose input gradient is read.
        let memoryRows: RowSelection?

        /// Groups × hidden: Z. Without recording, later layers use its memory.
        package var merged: Matrix { alignment.input }
    }

    /// Lays out the memory of a pass over `layout`, and of its adjoint unless nothing is recorded.
    package func activations(
        for layout: GroupLayout, recording: DecoderStack.Recording, _ context: Context
    ) -> Activations {
        let (arena, width) = (context.arena, encoder.hiddenSize)
        let (tokens, groups) = (layout.encoder.tokenCount, layout.merged.tokenCount)
        func gradient(_ rows: Int) -> Matrix { arena.matrix(recording == .none ? 0 : rows, width) }
        // Memory tokens are all that is read of the encoder; without them every row belongs to a group.
        let memoryRows = layout.memoryRows.flatMap { $0.map { Int32($0) } }
        let encoderPass = encoder.activations(
            for: layout.encoder, recording: recording, reading: memoryRows.isEmpty ? nil : memoryRows, context)
        return Activations(
            encoder: encoderPass,
            alignment: alignment.activations(for: layout.merged, recording: recording, context),
            encoderInverseRMS: arena.matrix(tokens, 1), alignmentInverseRMS: arena.matrix(groups, 1),
            states: encoderNorm == nil ? encoderPass.output : arena.matrix(tokens, width),
            softTokens: arena.matrix(groups, width), softTokenGradient: gradient(groups),
            mergedGradient: gradient(groups), stateGradient: gradient(tokens),
            encoderGradient: encoderNorm == nil ? gradient(0) : gradient(tokens),
            linear: linear?.activations(groups, in: arena), memoryRows: RowSelection(memoryRows, of: layout.encoder))
    }

    /// The soft tokens of packed contexts, also in `activations.softTokens`.
    ///
    /// - Parameters:
    ///   - ids: the contexts end to end, segments as the layout says.
    ///   - pass: dropout of the adapters.
    @discardableResult
    package func forward(
        _ ids: [Int32], _ layout: GroupLayout, _ a: Activations, _ pass: Pass, _ context: Context
    ) -> Matrix {
        precondition(layout.memoryRows.isEmpty == (weights.memory == nil), "the layout merges in another way")
        embed(ids, layout, into: a.encoder.input, context)
        let encoded = encoder.forward(layout.encoder, a.encoder, pass, context)
        encoderNorm?.forward(encoded, into: a.states, inverseRMS: a.encoderInverseRMS, context)
        GroupMerge.forward(a.states, layout.groups, into: a.merged, context)
        let aligned = alignment.forward(layout.merged, a.alignment, pass, context)
        finish(aligned, into: a.softTokens, inverseRMS: a.alignmentInverseRMS, a.linear, context)
        return a.softTokens
    }

    private func embed(_ ids: [Int32], _ layout: GroupLayout, into input: Matrix, _ context: Context) {
        guard let memory = weights.memory else { return embedding.forward(ids, into: input, context) }
        for (text, slots) in zip(layout.textRows, layout.memoryRows) {
            embedding.forward(Array(ids[text.tokens]), into: input.rows(text.rows), context)
            input.rows(slots).copy(from: memory.value.rows(0..<slots.count))
        }
    }

    /// The adjoint of `forward`, from `activations.softTokenGradient` down to the adapters of the first layer: adds to
    /// the parameter gradients where `context` asks for them.
    package func backward(_ layout: GroupLayout, _ a: Activations, _ pass: Pass, _ context: Context) {
        if let alignmentNorm {
            zero(a.mergedGradient, context)
            alignmentNorm.backward(
                a.softTokenGradient, input: a.alignment.output, inverseRMS: a.alignmentInverseRMS,
                inputGradient: a.mergedGradient, context)
        } else if let linear, let memory = a.linear {
            linear.backward(
                a.softTokenGradient, input: a.alignment.output, memory, .none, inputGradient: a.mergedGradient, Pass(),
                context)
        } else {
            copy(a.softTokenGradient, into: a.mergedGradient, context)
        }
        alignment.backward(a.mergedGradient, layout.merged, a.alignment, pass, context)
        zero(a.stateGradient, context)
        GroupMerge.backward(a.mergedGradient, layout.groups, stateGradient: a.stateGradient, context)
        let gradient = encodedGradient(a, context)
        encoder.backward(
            gradient, layout.encoder, a.encoder, inputGradient: weights.memory != nil, inputRows: a.memoryRows, pass,
            context)
        guard let memory = weights.memory?.gradient, context.gradients.contains(.parameters) else { return }
        for slots in layout.memoryRows {
            accumulate(gradient.rows(slots), into: memory.rows(0..<slots.count), context)
        }
    }

    /// ∂/∂(output of the encoder's layers), from ∂/∂H.
    private func encodedGradient(_ a: Activations, _ context: Context) -> Matrix {
        guard let encoderNorm else { return a.stateGradient }
        zero(a.encoderGradient, context)
        encoderNorm.backward(
            a.stateGradient, input: a.encoder.output, inverseRMS: a.encoderInverseRMS,
            inputGradient: a.encoderGradient, context)
        return a.encoderGradient
    }
}
