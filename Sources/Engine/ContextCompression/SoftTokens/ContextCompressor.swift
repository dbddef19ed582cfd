package import Compute
package import Transformer

/// Compresses texts with a trained compressor, and goes on with a text that has grown: attention is causal, so groups
/// that are finished never change and only a last short one is computed again.
package struct ContextCompressor {
    /// The trained compressor.
    package let compressor: Compressor

    private let model: LanguageModel
    private let team: ThreadTeam

    /// - Parameter model: the compressor's base.
    package init(_ compressor: Compressor, of model: LanguageModel, team: ThreadTeam) {
        self.compressor = compressor
        self.model = model
        self.team = team
    }

    /// The soft tokens of a whole text, in one pass over each segment.
    ///
    /// - Throws: `CompressionError` for a text without tokens, a rate or a segment below 1, and a segment that is
    ///   longer than the model's context; `ModelError` for a token that the model has not.
    package func compress(_ ids: [Int32], _ origin: CompressedContext.Origin) throws -> CompressedContext {
        try check(origin)
        let segments = stride(from: 0, to: ids.count, by: origin.segmentLength).map {
            min(origin.segmentLength, ids.count - $0)
        }
        let layout = try compressor.groups(
            of: [GroupLayout.Context(segments: segments, groupSize: origin.groupSize)])
        try layout.check(contextLength: model.contextLength)
        try model.check(ids)
        let measuring = Arena.measuring()
        _ = compressor.activations(for: layout, recording: .none, Context(arena: measuring, team: team, gradients: []))
        let context = Context(arena: try Arena(byteCount: measuring.highWaterMark), team: team, gradients: [])
        let activations = compressor.activations(for: layout, recording: .none, context)
        let rows = compressor.forward(ids, layout, activations, Pass(), context)
        return CompressedContext(
            origin: origin, width: rows.columns,
            softTokens: rows.elements, tokenCount: ids.count)
    }

    /// An empty text that tokens can be appended to.
    package func empty(_ origin: CompressedContext.Origin) throws -> CompressedContext {
        try check(origin)
        guard compressor.settings.merge == .mean else { throw CompressionError.cannotGrow }
        return CompressedContext(
            origin: origin, width: model.configuration.hiddenSize, softTokens: [], tokenCount: 0,
            state: CompressedContext.State(encoder: [], alignment: [], open: []))
    }

    /// Adds tokens to the end of a text. Equal to compressing the whole text at once, up to rounding.
    ///
    /// - Throws: `CompressionError.cannotGrow` for a text without a state, or one of another shape.
    package func append(_ ids: [Int32], to text: inout CompressedContext) throws {
        try check(text.origin)
        guard !ids.isEmpty else { throw CompressionError.emptyContext(sample: 0) }
        guard let state = text.state, compressor.settings.merge == .mean else { throw CompressionError.cannotGrow }
        guard text.origin.segmentLength <= model.contextLength else {
            throw CompressionError.contextTooLong(length: text.origin.segmentLength, limit: model.contextLength)
        }
        try model.check(ids)
        let measuring = Arena.measuring()
        _ = GrowingSegment(compressor, text.origin, Context(arena: measuring, team: team, gradients: []))
        let context = Context(arena: try Arena(byteCount: measuring.highWaterMark), team: team, gradients: [])
        var segment = GrowingSegment(compressor, text.origin, context)
        let last = text.origin.lastSegment(of: text.tokenCount)
        if last.tokens > 0 {
            guard segment.restore(state, last) else { throw CompressionError.cannotGrow }
            // The open group's soft token, if it has one, is made anew from more tokens.
            let unfinished = text.origin.remainder != .drop && last.open > 0 ? 1 : 0
            text.softTokens.removeLast(unfinished * text.width)
        }
        segment.append(ids, to: &text.softTokens)
        text.tokenCount += ids.count
        text.state = segment.saved()
    }

    private func check(_ origin: CompressedContext.Origin) throws(CompressionError) {
        guard origin.groupSize >= 1 else { throw .groupSizeOutOfRange(sample: 0, found: origin.groupSize) }
        guard origin.segmentLength >= 1 else { throw .segmentOutOfRange(found: origin.segmentLength) }
    }
}
