import Compute
import ContextCompression
import JobModel
import Transformer

// What a specification says of a compressor and its decoder, as the engine's own values. Settings that are spelled but
// not trained are refused by name: a job never runs with another meaning than its text.

extension CompressorSettings {
    /// - Parameter memoryTokens: rows of their table where the specification leaves the number open.
    init(
        _ encoder: GMSAEncoderSettings, _ merge: GMSAMergeSettings, _ lsa: GMSAAlignmentSettings,
        hasLearnedPrompt: Bool = false, memoryTokens: Int
    ) throws {
        try require(encoder.attention == .causal, "encoder.attention", encoder.attention.rawValue, "causal")
        try require(lsa.attention == .causal, "lsa.attention", lsa.attention.rawValue, "causal")
        try require(lsa.positions == .index, "lsa.positions", lsa.positions.rawValue, "index")
        try require(lsa.outputScale == .none, "lsa.out_scale", lsa.outputScale.rawValue, "none")
        let kind = GroupLayout.Merge(merge.kind)
        self.init(
            encoderLayers: encoder.layers, adapterRank: encoder.loraRank, adapterAlpha: encoder.loraAlpha,
            adapterDropout: encoder.loraDropout, hasEncoderNorm: encoder.finalNorm, alignmentLayers: lsa.layers,
            alignmentNorm: AlignmentNorm(lsa.finalNorm), remainder: GroupLayout.Remainder(merge.remainder),
            alignment: Alignment(lsa.kind), alignmentStart: AlignmentStart(lsa.initialization), merge: kind,
            memoryTokenCount: kind == .memoryTokens ? merge.memoryTokens ?? memoryTokens : 0,
            hasLearnedPrompt: hasLearnedPrompt)
    }
}

extension CompressorSettings.AlignmentNorm {
    fileprivate init(_ norm: GMSAAlignmentSettings.FinalNorm) {
        self =
            switch norm {
            case .frozen: .frozen
            case .train: .trained
            case .off: .off
            }
    }
}

extension CompressorSettings.Alignment {
    fileprivate init(_ kind: GMSAAlignmentSettings.Kind) {
        self =
            switch kind {
            case .layers: .layers
            case .linear: .linear
            case .none: .none
            }
    }
}

extension CompressorSettings.AlignmentStart {
    fileprivate init(_ start: GMSAAlignmentSettings.Initialization) {
        self =
            switch start {
            case .decoderLower: .decoderLower
            case .random: .random
            }
    }
}

extension GroupLayout.Merge {
    fileprivate init(_ kind: GMSAMergeSettings.Kind) {
        self =
            switch kind {
            case .mean: .mean
            case .memoryTokens: .memoryTokens
            }
    }
}

extension GroupLayout.Remainder {
    init(_ remainder: GMSAMergeSettings.Remainder) {
        self =
            switch remainder {
            case .mean: .mean
            case .drop: .drop
            case .pad: .pad
            }
    }
}

extension LanguageModel {
    /// The decoder of a compressor, trained as a specification says.
    ///
    /// - Parameter further: tensors that are trained with it in one store.
    init(
        decoder folder: String, _ training: GMSADecoderTraining, _ settings: GMSADecoderSettings, seed: Int64,
        further: [WeightEntry] = [], team: ThreadTeam
    ) throws {
        let trained: TrainedTensors =
            switch training {
            case .frozen, .lora: .none
            case .qkv: .keft
            case .full: .all
            }
        try self.init(
            folder: folder, trained: trained,
            adapters: training == .lora
                ? .fresh(
                    Transformer.AdapterSettings(
                        rank: settings.loraRank, alpha: settings.loraAlpha, dropout: settings.loraDropout,
                        targets: .named(["q_proj", "k_proj", "v_proj"])),
                    seed: Randomness.initialization.stream(seed: seed, index: 1).bits(0))
                : .none,
            further: further, team: team)
    }
}

extension GMSADecoderSettings {
    /// Refuses positions that are not trained.
    func check() throws {
        try require(softPositions == .compact, "decoder.soft_positions", softPositions.rawValue, "compact")
    }
}

extension GMSADecoderTraining {
    /// What gmsa.json says of it.
    var recorded: String { self == .frozen ? "none" : rawValue }
}

/// Refuses a setting that is spelled and not trained.
func require(_ isSupported: Bool, _ key: String, _ found: String, _ supported: String) throws {
    guard !isSupported else { return }
    throw TrainingError.specification("objective.\(key): this build does not train \(found); supported: \(supported)")
}
