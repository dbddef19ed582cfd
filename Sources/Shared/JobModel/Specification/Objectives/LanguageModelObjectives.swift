/// Training a language model on plain text, from random weights or from `model`.
package struct PretrainObjective: Sendable, Hashable {
    /// Shape of a new model; nil when the job starts from `model`.
    package var architecture: ArchitectureSettings?
    /// Where the tokenizer comes from; nil when the job starts from `model`.
    package var tokenizer: TokenizerSource?

    /// The defaults.
    package init() {}
}

/// Shape of a new Llama-architecture model, with the names of its `config.json`.
package struct ArchitectureSettings: Sendable, Hashable {
    /// Width of the residual stream.
    package var hiddenSize = 128
    /// Width of the gated feed-forward layer.
    package var intermediateSize = 352
    /// Blocks.
    package var layers = 4
    /// Query heads.
    package var heads = 4
    /// Key and value heads, a divisor of `heads`; nil before the cross-field pass means `heads`.
    package var keyValueHeads: Int?
    /// Width of one head, even; nil before the cross-field pass means hidden_size / heads.
    package var headDimension: Int?
    /// Longest sequence.
    package var context = 256
    /// Whether the head shares the embedding matrix.
    package var tieEmbeddings = true
    /// Base of the rotary position angles.
    package var ropeTheta = 10_000.0
    /// Offset in RMSNorm.
    package var rmsNormEpsilon = 1e-5
    /// Standard deviation of the random initial weights.
    package var initializerRange = 0.02

    /// The defaults.
    package init() {}
}

/// Where the tokenizer of a new model comes from.
package enum TokenizerSource: Sendable, Hashable {
    /// Train a byte-level BPE tokenizer of this many ids on the training text.
    case train(vocabularySize: Int)
    /// Use this one.
    case path(InputReference)
}

/// Supervised fine-tuning on prompt and response.
package struct SFTObjective: Sendable, Hashable {
    /// Tokens that count in the loss.
    package enum LossScope: String, Sendable, Hashable, CaseIterable {
        /// Only the response.
        case response
        /// Prompt and response.
        case all
    }

    /// Tokens that count in the loss.
    package var lossOn = LossScope.response

    /// The defaults.
    package init() {}
}
