/// GMSA stage 1: encoder adapters and alignment layers learn to let a frozen decoder restate the text.
package struct GMSAAutoencoderObjective: Sendable, Hashable {
    /// The encoder: the first layers of `model`, with adapters.
    package var encoder = GMSAEncoderSettings()
    /// Group merging.
    package var merge = GMSAMergeSettings()
    /// Layer semantic alignment.
    package var lsa = GMSAAlignmentSettings()
    /// Compression rates.
    package var rates = GMSARateSettings()
    /// How the decoder sees soft tokens.
    package var decoder = GMSADecoderSettings()
    /// The restating task.
    package var ae = GMSARestatementSettings()
    /// Restorations written in evaluations.
    package var generation = GMSAGenerationSettings()
    /// Cutting of long contexts.
    package var segment = GMSASegmentSettings()
    /// How token losses are reduced.
    package var lossReduction = GMSALossReduction.tokenMean

    /// The defaults.
    package init() {}
}

/// GMSA stage 2 (KEFT): the decoder learns to answer from soft tokens.
package struct GMSAFinetuneObjective: Sendable, Hashable {
    /// What trains.
    package var stage2 = GMSAStageTwoSettings()
    /// The encoder, where no compressor is given: the ablation without stage 1 compresses with an untrained one.
    package var encoder = GMSAEncoderSettings()
    /// Group merging, where no compressor is given.
    package var merge = GMSAMergeSettings()
    /// Layer semantic alignment, where no compressor is given.
    package var lsa = GMSAAlignmentSettings()
    /// Compression rates.
    package var rates = GMSARateSettings()
    /// How the decoder sees soft tokens.
    package var decoder = GMSADecoderSettings()
    /// The question after the soft tokens.
    package var prompt = GMSAPromptSettings()
    /// Answers written in evaluations.
    package var generation = GMSAGenerationSettings()
    /// Cutting of long contexts.
    package var segment = GMSASegmentSettings()
    /// How token losses are reduced.
    package var lossReduction = GMSALossReduction.tokenMean

    /// The defaults.
    package init() {}
}

/// Which tokens a layer attends to.
package enum GMSAAttention: String, Sendable, Hashable, CaseIterable {
    case causal
    case bidirectional
}

/// The encoder of stage 1.
package struct GMSAEncoderSettings: Sendable, Hashable {
    /// Layers taken from `model`.
    package var layers = 8
    /// Rank of its adapters.
    package var loraRank = 128
    /// Scale of its adapters.
    package var loraAlpha = 32.0
    /// Dropout of its adapters.
    package var loraDropout = 0.05
    /// Whether the model's final norm follows.
    package var finalNorm = true
    /// What its layers attend to.
    package var attention = GMSAAttention.causal

    /// The defaults.
    package init() {}
}

/// Group merging.
package struct GMSAMergeSettings: Sendable, Hashable {
    /// What becomes of a last group with fewer tokens.
    package enum Remainder: String, Sendable, Hashable, CaseIterable {
        /// The mean of its members.
        case mean
        case drop
        case pad
    }

    /// How states become soft tokens.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The mean of each group.
        case mean
        /// None: learned embeddings after the context read it, as in ICAE and TCP-AE (ablation and baseline).
        case memoryTokens = "memory_tokens"
    }

    /// How states become soft tokens.
    package var kind = Kind.mean
    /// Rows of the table of memory tokens; nil means as many as the longest context needs.
    package var memoryTokens: Int?
    /// What becomes of a last group with fewer tokens.
    package var remainder = Remainder.mean
    /// Shift the grouping at random in training.
    package var phaseJitter = false

    /// The defaults.
    package init() {}
}

/// Layer semantic alignment.
package struct GMSAAlignmentSettings: Sendable, Hashable {
    /// What aligns merged states with the decoder.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Decoder layers of their own.
        case layers
        /// One linear map with bias (ablation without LSA, and the baseline's way).
        case linear
        /// Nothing (ablation).
        case none
    }

    /// What alignment layers start from.
    package enum Initialization: String, Sendable, Hashable, CaseIterable {
        /// The first layers of the decoder.
        case decoderLower = "decoder_lower"
        /// Random weights (ablation).
        case random
    }

    /// What becomes of the final norm.
    package enum FinalNorm: String, Sendable, Hashable, CaseIterable {
        case frozen
        case train
        case off
    }

    /// Positions of the soft tokens.
    package enum Positions: String, Sendable, Hashable, CaseIterable {
        /// 0, 1, 2…
        case index
        /// Original position of a group's centre.
        case groupCenter = "group_center"
        /// Original position of a group's last token.
        case groupLast = "group_last"
    }

    /// Scale of the soft tokens.
    package enum OutputScale: String, Sendable, Hashable, CaseIterable {
        case none
        /// As large as embedding rows.
        case matchEmbeddings = "match_embedding_rms"
    }

    /// What aligns merged states with the decoder.
    package var kind = Kind.layers
    /// What its layers start from.
    package var initialization = Initialization.decoderLower
    /// Layers.
    package var layers = 1
    /// What becomes of the final norm.
    package var finalNorm = FinalNorm.frozen
    /// What its layers attend to.
    package var attention = GMSAAttention.causal
    /// Positions of the soft tokens.
    package var positions = Positions.index
    /// Scale of the soft tokens.
    package var outputScale = OutputScale.none

    /// The defaults.
    package init() {}
}

/// Compression rates: tokens for one soft token.
package struct GMSARateSettings: Sendable, Hashable {
    /// How a rate is chosen in training.
    package enum Sampling: String, Sendable, Hashable, CaseIterable {
        /// Drawn for every sample.
        case sample
        /// Drawn for every batch.
        case batch
        /// All of them for every sample.
        case all
        /// Always the first.
        case fixed
    }

    /// The rates.
    package var train = [4, 8]
    /// How one is chosen.
    package var sampling = Sampling.sample
    /// Rates that are trained first, one after the other; each and the rest get an equal share of the steps.
    package var curriculum: [Int] = []
    /// The rates that evaluations measure; empty means those of `train`.
    package var evaluate: [Int] = []

    /// The defaults.
    package init() {}
}

/// How the decoder sees soft tokens.
package struct GMSADecoderSettings: Sendable, Hashable {
    /// Positions of the soft tokens in the decoder.
    package enum Positions: String, Sendable, Hashable, CaseIterable {
        /// 0, 1, 2…; the prompt continues.
        case compact
        /// Spread over the positions of the original text.
        case stretched
    }

    /// Positions of the soft tokens in the decoder.
    package var softPositions = Positions.compact
    /// Rank of the adapters on its query, key and value projections, where they train.
    package var loraRank = 16
    /// Scale of these adapters: alpha / rank.
    package var loraAlpha = 32.0
    /// Dropout of these adapters.
    package var loraDropout = 0.0

    /// The defaults.
    package init() {}
}

/// What trains in a decoder.
package enum GMSADecoderTraining: String, Sendable, Hashable, CaseIterable {
    case frozen
    /// Query, key and value projections.
    case qkv
    /// Adapters on them.
    case lora
    case full
}

/// The restating task of stage 1.
package struct GMSARestatementSettings: Sendable, Hashable {
    /// What asks the decoder to restate.
    package enum Prompt: String, Sendable, Hashable, CaseIterable {
        /// An instruction in words.
        case text
        /// One learned embedding.
        case learned
    }

    /// What asks the decoder to restate.
    package var prompt = Prompt.text
    /// The instruction in words.
    package var text = "Restate the aforementioned Text."
    /// What trains in the decoder.
    package var decoder = GMSADecoderTraining.frozen

    /// The defaults.
    package init() {}
}

/// What trains in stage 2.
package struct GMSAStageTwoSettings: Sendable, Hashable {
    /// Dropout of the frozen encoder.
    package enum EncoderMode: String, Sendable, Hashable, CaseIterable {
        /// Off.
        case eval
        /// On.
        case train
    }

    /// What trains in the decoder.
    package var train = GMSADecoderTraining.qkv
    /// Dropout of the frozen encoder.
    package var encoderMode = EncoderMode.eval

    /// The defaults.
    package init() {}
}

/// The question after the soft tokens.
package struct GMSAPromptSettings: Sendable, Hashable {
    /// Whether a beginning-of-sequence token comes first.
    package var addBOS = false
    /// The question; `{prompt}` stands for the row's prompt.
    package var qaTemplate = "{prompt}"

    /// The defaults.
    package init() {}
}

/// Answers written in evaluations.
package struct GMSAGenerationSettings: Sendable, Hashable {
    /// Which of several gold answers counts for F1.
    package enum References: String, Sendable, Hashable, CaseIterable {
        case max
        case first
    }

    /// Rows of an evaluation whose answers are written; teacher-forced scores need none.
    package var rows = 0
    /// Most tokens of an answer.
    package var maxNew = 100
    /// Divisor of the logits of ids that were written already; 1 is none.
    package var repetitionPenalty = 1.0
    /// Which of several gold answers counts for F1.
    package var f1References = References.max

    /// The defaults.
    package init() {}
}

/// Cutting of contexts that are longer than the encoder reads at once.
package struct GMSASegmentSettings: Sendable, Hashable {
    /// Tokens of a segment; nil means the model's context.
    package var tokens: Int?
    /// Tokens that two segments share.
    package var overlap = 0

    /// The defaults.
    package init() {}
}

/// How token losses are reduced.
package enum GMSALossReduction: String, Sendable, Hashable, CaseIterable {
    case tokenMean = "token_mean"
    case sum
}
