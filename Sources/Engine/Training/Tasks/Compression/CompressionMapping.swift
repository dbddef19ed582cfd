import ContextCompression
import JobModel
import Transformer

// What a specification says of a compressor, as the engine's own values. Settings that are spelled but not trained are
// refused by name: a job never runs with another meaning than its text.

extension CompressorSettings {
    init(_ objective: GMSAAutoencoderObjective) throws {
        let (encoder, lsa) = (objective.encoder, objective.lsa)
        try require(encoder.attention == .causal, "encoder.attention", encoder.attention.rawValue, "causal")
        try require(encoder.finalNorm, "encoder.final_norm", "false", "true")
        try require(lsa.attention == .causal, "lsa.attention", lsa.attention.rawValue, "causal")
        try require(lsa.positions == .index, "lsa.positions", lsa.positions.rawValue, "index")
        try require(lsa.outputScale == .none, "lsa.out_scale", lsa.outputScale.rawValue, "none")
        try require(lsa.finalNorm != .off, "lsa.final_norm", lsa.finalNorm.rawValue, "frozen, train")
        try require(!objective.merge.phaseJitter, "merge.phase_jitter", "true", "false")
        try require(objective.ae.prompt == .text, "ae.prompt", objective.ae.prompt.rawValue, "text")
        try require(objective.ae.decoder == .frozen, "ae.decoder", objective.ae.decoder.rawValue, "frozen")
        try checkReading(objective.rates, objective.decoder, objective.segment, objective.lossReduction)
        self.init(
            encoderLayers: encoder.layers, adapterRank: encoder.loraRank, adapterAlpha: encoder.loraAlpha,
            adapterDropout: encoder.loraDropout, alignmentLayers: lsa.layers,
            alignmentNorm: lsa.finalNorm == .train ? .trained : .frozen,
            remainder: GroupLayout.Remainder(objective.merge.remainder))
    }
}

extension GroupLayout.Remainder {
    fileprivate init(_ remainder: GMSAMergeSettings.Remainder) {
        self =
            switch remainder {
            case .mean: .mean
            case .drop: .drop
            case .pad: .pad
            }
    }
}

extension TrainedTensors {
    /// What fine-tuning trains in the decoder.
    init(_ objective: GMSAFinetuneObjective) throws {
        let (stage, prompt) = (objective.stage2, objective.prompt)
        try require(stage.encoderMode == .eval, "stage2.encoder_mode", stage.encoderMode.rawValue, "eval")
        try require(!prompt.addBOS, "prompt.add_bos", "true", "false")
        try require(
            objective.generation == GMSAGenerationSettings(), "generation", "answers in evaluations",
            "teacher-forced evaluation, with no such section")
        try checkReading(objective.rates, objective.decoder, objective.segment, objective.lossReduction)
        switch stage.train {
        case .qkv: self = .keft
        case .full: self = .all
        case .lora, .frozen:
            throw unsupported("stage2.train", stage.train.rawValue, "qkv, full")
        }
    }
}

private func checkReading(
    _ rates: GMSARateSettings, _ decoder: GMSADecoderSettings, _ segment: GMSASegmentSettings,
    _ reduction: GMSALossReduction
) throws {
    try require(rates.curriculum.isEmpty, "rates.curriculum", "\(rates.curriculum)", "no curriculum")
    try require(
        decoder.softPositions == .compact, "decoder.soft_positions", decoder.softPositions.rawValue, "compact")
    try require(segment.overlap == 0, "segment.overlap", "\(segment.overlap)", "0")
    try require(reduction == .tokenMean, "loss_reduction", reduction.rawValue, "token_mean")
}

private func require(_ isSupported: Bool, _ key: String, _ found: String, _ supported: String) throws {
    if !isSupported { throw unsupported(key, found, supported) }
}

private func unsupported(_ key: String, _ found: String, _ supported: String) -> TrainingError {
    .specification("objective.\(key): this build does not train \(found); supported: \(supported)")
}
