import Compute
import ContextCompression
import JobModel
import Transformer

/// Where fine-tuning starts: a trained compressor and the decoder it was trained with, or, for the ablation without
/// the first stage, an untrained one and the base.
struct CompressorStart {
    let compressor: Compressor
    let record: CompressorRecord
    /// The folder of the decoder's weights.
    let decoder: String

    /// - Parameter longest: tokens of the longest segment.
    /// - Throws: `TrainingError.data` for a compressor of another model.
    init(
        _ spec: JobSpec, _ objective: GMSAFinetuneObjective, _ inputs: JobInputs, _ base: LanguageModel,
        _ folder: ModelFolder, longest: Int, interruption: () throws -> Void
    ) throws {
        let digest = try folder.digest(interruption)
        guard let path = inputs[.compressor] else {
            let settings = try CompressorSettings(
                objective.encoder, objective.merge, objective.lsa,
                memoryTokens: (longest + objective.rates.lowest - 1) / objective.rates.lowest)
            compressor = try Compressor(settings, of: base, trained: false)
            compressor.weights.draw(seed: Randomness.initialization.stream(seed: spec.train.seed, index: 0).bits(0))
            record = CompressorRecord(
                stage: .finetune, base: CompressorRecord.Base(id: folder.path, sha256: digest), settings: settings,
                rates: objective.rates.train, decoderTraining: "none", restatement: "")
            decoder = folder.path
            return
        }
        record = try CompressorRecord(folder: path)
        guard record.base.sha256 == digest else {
            throw TrainingError.data(
                "compressor: \(path) was made from another model (\(record.base.id)) than model: \(folder.path)")
        }
        compressor = try Compressor(folder: path, record, of: base, trained: false)
        decoder = record.decoderTraining == "none" ? folder.path : path + "/decoder"
    }
}

extension GMSAFinetuneObjective {
    /// Refuses settings that are spelled and not trained.
    func check() throws {
        try require(stage2.encoderMode == .eval, "stage2.encoder_mode", stage2.encoderMode.rawValue, "eval")
        try require(!prompt.addBOS, "prompt.add_bos", "true", "false")
        try decoder.check()
    }
}
