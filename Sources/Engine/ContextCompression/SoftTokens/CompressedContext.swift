package import Compute

/// A text as soft tokens, with what they were made of and, where text may follow, the state it goes on from.
package struct CompressedContext: Sendable, Equatable {
    /// How a text was compressed.
    package struct Origin: Sendable, Equatable {
        /// Digest of the compressor: soft tokens have no meaning for another one.
        package var compressor: String
        /// Digest of the tokenizer that read the text; the compressor's digest holds it too.
        package var tokenizer: String
        /// Which stage the compressor's artifacts came from, for people: both stages of one compressor make the same
        /// soft tokens.
        package var stage: CompressorRecord.Stage
        /// Name of the base model, for people.
        package var baseModel: String
        /// Tokens for one soft token.
        package var groupSize: Int
        /// What became of a last group with fewer tokens.
        package var remainder: GroupLayout.Remainder
        /// Most tokens of a segment that is compressed by itself.
        package var segmentLength: Int
        /// SHA-256 of each text in turn: the first one and those appended.
        package var textDigests: [String]

        /// How a text was compressed.
        package init(
            compressor: String, tokenizer: String, stage: CompressorRecord.Stage, baseModel: String, groupSize: Int,
            remainder: GroupLayout.Remainder, segmentLength: Int, textDigests: [String] = []
        ) {
            self.compressor = compressor
            self.tokenizer = tokenizer
            self.stage = stage
            self.baseModel = baseModel
            self.groupSize = groupSize
            self.remainder = remainder
            self.segmentLength = segmentLength
            self.textDigests = textDigests
        }
    }

    /// Keys and values of one layer, rows end to end.
    package struct LayerState: Sendable, Equatable {
        package var keys, values: [Real]
    }

    /// What the encoder and the alignment layers remember of the last segment.
    package struct State: Sendable, Equatable {
        /// Of every layer of the encoder, for the segment's tokens.
        package var encoder: [LayerState]
        /// Of every alignment layer, for the segment's finished groups.
        package var alignment: [LayerState]
        /// Encoder states of the tokens after the last finished group, rows end to end.
        package var open: [Real]
    }

    /// How it was made.
    package var origin: Origin
    /// Channels of a soft token.
    package let width: Int
    /// Soft tokens, rows end to end.
    package var softTokens: [Real]
    /// Tokens of the text.
    package var tokenCount: Int
    /// Where to go on; nil for a text that ends here.
    package var state: State?

    /// Number of soft tokens.
    package var count: Int { softTokens.count / width }

    /// Tokens for each soft token.
    package var ratio: Double { Double(tokenCount) / Double(max(1, count)) }
}

extension CompressedContext.Origin {
    /// Tokens of a text's last segment, of its finished groups' number and of its open group.
    func lastSegment(of tokenCount: Int) -> (tokens: Int, groups: Int, open: Int) {
        let tokens = tokenCount == 0 ? 0 : (tokenCount - 1) % segmentLength + 1
        return (tokens, tokens / groupSize, tokens % groupSize)
    }

    /// Soft tokens of a text.
    func softTokenCount(of tokenCount: Int) -> Int {
        func groups(_ length: Int) -> Int { remainder.groupCount(of: length, size: groupSize) }
        let last = lastSegment(of: tokenCount).tokens
        return (tokenCount - last) / segmentLength * groups(segmentLength) + groups(last)
    }
}
