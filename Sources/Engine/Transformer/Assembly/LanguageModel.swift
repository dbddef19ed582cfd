package import Compute

/// A causal language model: embedding, decoder stack, final norm, head.
///
/// One value serves as policy, as reference (adapters off, or a frozen model of its own) and for generation. All memory
/// of a pass is laid out by `activations`; a measuring arena run through it tells what a step needs.
package struct LanguageModel {
    /// The shape of the model.
    package let configuration: ModelConfiguration
    /// Positions that the rotary table was made for.
    package let contextLength: Int
    /// Token ids to hidden states.
    package let embedding: Embedding
    /// The decoder layers.
    package let stack: DecoderStack
    /// The norm after the last layer.
    package let norm: RMSNorm
    /// Hidden states to token log-probabilities.
    package let head: LanguageModelHead
    /// Every tensor by its place, for saving.
    package let weights: ModelWeights
    /// LoRA beside the linears; nil for none.
    package let adapters: ModelAdapters?

    /// All trained tensors; nil for a frozen model.
    package var parameters: ParameterStore? { weights.store }

    /// Memory of one pass over one layout.
    package struct Activations {
        /// Memory of the decoder layers; `stack.input` takes embeddings.
        package let stack: DecoderStack.Activations
        let inverseRMS: Matrix
        /// Hidden states after the final norm: tokens × hidden, what the head reads.
        package let hidden: Matrix
        /// ∂/∂hidden, to which heads add; no rows when nothing is recorded.
        package let hiddenGradient: Matrix
        /// The gradient on its way down; after `backward`, that of the embeddings.
        let streamGradient: Matrix

        /// The same memory for a pass over another layout of no more rows; it must record everything. A pass over a
        /// layout whose rows come first in this one can then be continued (`forward(…from:)`).
        ///
        /// - Parameter reading: as in `LanguageModel.activations`, if this pass leaves rows out as well: otherwise all
        ///   rows are computed, since a pass that continues them may read them.
        package func viewing(_ layout: SequenceLayout, reading: [Int32]) -> Activations {
            func part(_ matrix: Matrix) -> Matrix { matrix.rows(0..<layout.tokenCount) }
            let selection = stack.selection == nil ? nil : RowSelection(reading, of: layout)
            return Activations(
                stack: stack.viewing(layout, selection), inverseRMS: part(inverseRMS), hidden: part(hidden),
                hiddenGradient: part(hiddenGradient), streamGradient: part(streamGradient))
        }
    }

    /// Lays out the memory of a pass over `layout`, and of its adjoint unless nothing is recorded.
    ///
    /// - Parameter reading: the rows of `hidden` that somebody reads, nil for all. Others have no meaning, and nothing
    ///   may be added to their gradients.
    package func activations(
        for layout: SequenceLayout, recording: DecoderStack.Recording, reading: [Int32]? = nil, _ context: Context
    ) -> Activations {
        let (tokens, arena) = (layout.tokenCount, context.arena)
        let differentiated = recording == .none ? 0 : tokens
        return Activations(
            stack: stack.activations(for: layout, recording: recording, reading: reading, context),
            inverseRMS: arena.matrix(tokens, 1), hidden: arena.matrix(tokens, configuration.hiddenSize),
            hiddenGradient: arena.matrix(differentiated, configuration.hiddenSize),
            streamGradient: arena.matrix(differentiated, configuration.hiddenSize))
    }

    /// Hidden states of packed tokens. They stay in `activations.hidden`.
    ///
    /// - Parameter firstRow: rows before it are there already (`Activations.viewing`).
    @discardableResult
    package func forward(
        _ ids: [Int32], _ layout: SequenceLayout, _ a: Activations, from firstRow: Int = 0, _ pass: Pass,
        _ context: Context
    ) -> Matrix {
        embedding.forward(
            Array(ids[firstRow...]), into: a.stack.input.rows(firstRow..<layout.tokenCount), context)
        return forward(layout, a, from: firstRow, pass, context)
    }

    /// Hidden states of embeddings that the caller has put in `activations.stack.input`.
    @discardableResult
    package func forward(
        _ layout: SequenceLayout, _ a: Activations, from firstRow: Int = 0, _ pass: Pass, _ context: Context
    ) -> Matrix {
        let output = stack.forward(layout, a.stack, from: firstRow, pass, context)
        norm.forward(output, into: a.hidden, inverseRMS: a.inverseRMS, context)
        return a.hidden
    }

    /// The adjoint of `forward`, from `activations.hiddenGradient` down: adds to the gradients of trained parameters
    /// where `context` asks for them and returns ∂/∂embeddings (tokens × hidden), which has no meaning unless it asks
    /// for inputs or embeddings are trained. May be called again on the same activations with another hidden gradient.
    ///
    /// - Parameters:
    ///   - ids: nil when the input was not looked up in the embedding.
    ///   - inputRows: the rows of ∂/∂embeddings that somebody reads, nil for all; a trained embedding reads all of
    ///     `ids`.
    ///   - window: the rows that take part, nil for all: for input gradients alone (`DecoderStack.backward`).
    @discardableResult
    package func backward(
        _ ids: [Int32]?, _ layout: SequenceLayout, _ a: Activations, inputRows: RowSelection? = nil,
        window: RowWindow? = nil, _ pass: Pass, _ context: Context
    ) -> Matrix {
        let trainsEmbedding = ids != nil && embedding.weight.wantedGradient(context) != nil
        zero(a.streamGradient, context)
        norm.backward(
            a.hiddenGradient, input: a.stack.output, inverseRMS: a.inverseRMS, inputGradient: a.streamGradient,
            context)
        stack.backward(
            a.streamGradient, layout, a.stack,
            inputGradient: trainsEmbedding || context.gradients.contains(.inputs),
            inputRows: trainsEmbedding ? nil : inputRows, window: window, pass, context)
        if let ids { embedding.backward(a.streamGradient, ids: ids, context) }
        return a.streamGradient
    }

    /// Throws unless every id is in the vocabulary and every position in the rotary table. Passes take both on trust.
    package func check(_ ids: [Int32], _ layout: SequenceLayout) throws(ModelError) {
        try check(ids)
        if let last = layout.positions.max(), Int(last) >= contextLength {
            throw .positionOutOfRange(position: Int(last), limit: contextLength)
        }
    }

    /// Throws for a token that the vocabulary does not have.
    package func check(_ ids: [Int32]) throws(ModelError) {
        for id in ids where id < 0 || Int(id) >= configuration.vocabularySize {
            throw .tokenOutOfRange(token: Int(id), vocabularySize: configuration.vocabularySize)
        }
    }
}
