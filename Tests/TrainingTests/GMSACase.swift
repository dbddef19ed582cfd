import JobModel

/// Ways of running the two stages.
enum GMSACase: String, CaseIterable, Sendable {
    case autoencoder, dropoutAndAllRates, segments, overlap, batchRates, curriculum, jitter, learnedPrompt, summed
    case memoryTokens, noMerging, linearAlignment, noAlignment, randomAlignment, normsOff
    case trainedDecoder, wholeDecoderWithIt, adaptedDecoder
    case finetune, wholeDecoder, adaptedAnswers, finetuneMemoryTokens, untrainedCompressor

    var objective: Objective {
        if let autoencoder { return .gmsaAutoencoder(autoencoder) }
        return .gmsaFinetune(finetuning)
    }

    /// The first stage's objective; nil for the second stage.
    var autoencoder: GMSAAutoencoderObjective? {
        var objective = GMSAAutoencoderObjective()
        objective.encoder = Self.encoder
        objective.rates.train = [2, 3]
        objective.ae.text = "again"
        switch self {
        case .autoencoder: break
        case .dropoutAndAllRates:
            objective.encoder.loraDropout = 0.25
            objective.rates.sampling = .all
        case .segments:
            objective.segment.tokens = 5
            objective.lsa.finalNorm = .train
            objective.merge.remainder = .pad
        case .overlap:
            (objective.segment.tokens, objective.segment.overlap) = (5, 2)
        case .batchRates: objective.rates.sampling = .batch
        case .curriculum: (objective.rates.curriculum, objective.rates.sampling) = ([1], .all)
        case .jitter:
            objective.merge.phaseJitter = true
            objective.merge.remainder = .drop
        case .learnedPrompt: objective.ae.prompt = .learned
        case .summed: objective.lossReduction = .sum
        case .memoryTokens: (objective.merge.kind, objective.lsa.kind) = (.memoryTokens, .linear)
        case .noMerging: (objective.merge.kind, objective.merge.memoryTokens) = (.memoryTokens, 40)
        case .linearAlignment: objective.lsa.kind = .linear
        case .noAlignment: objective.lsa.kind = .none
        case .randomAlignment: (objective.lsa.initialization, objective.lsa.layers) = (.random, 2)
        case .normsOff: (objective.encoder.finalNorm, objective.lsa.finalNorm) = (false, .off)
        case .trainedDecoder: objective.ae.decoder = .qkv
        case .wholeDecoderWithIt: objective.ae.decoder = .full
        case .adaptedDecoder:
            objective.ae.decoder = .lora
            (objective.decoder.loraRank, objective.decoder.loraDropout) = (3, 0.2)
        case .finetune, .wholeDecoder, .adaptedAnswers, .finetuneMemoryTokens, .untrainedCompressor: return nil
        }
        return objective
    }

    private var finetuning: GMSAFinetuneObjective {
        var finetune = GMSAFinetuneObjective()
        finetune.rates.train = [2, 3]
        switch self {
        case .wholeDecoder: finetune.stage2.train = .full
        case .adaptedAnswers:
            finetune.stage2.train = .lora
            (finetune.decoder.loraRank, finetune.decoder.loraDropout) = (3, 0.2)
        case .untrainedCompressor: finetune.encoder = Self.encoder
        default: break
        }
        return finetune
    }

    private static var encoder: GMSAEncoderSettings {
        var encoder = GMSAEncoderSettings()
        (encoder.layers, encoder.loraRank, encoder.loraAlpha, encoder.loraDropout) = (2, 4, 8, 0)
        return encoder
    }

    var isFinetune: Bool { autoencoder == nil }

    /// What makes the compressor of a second stage; nil for an untrained one.
    var firstStage: GMSACase? {
        switch self {
        case .untrainedCompressor: nil
        case .finetuneMemoryTokens: .noMerging
        default: .autoencoder
        }
    }
}
