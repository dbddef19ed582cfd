/// What a job computes. The raw value is what specifications write; `MethodDescription.all` says what is behind it.
package enum Method: String, Sendable, Hashable, CaseIterable, Codable {
    case pretrain
    case sft
    case dpo
    case tiDPO = "ti-dpo"
    case gmsaAutoencoder = "gmsa-autoencoder"
    case gmsaFinetune = "gmsa-finetune"

    /// The objective with every setting at its default.
    package var defaultObjective: Objective {
        switch self {
        case .pretrain: .pretrain(PretrainObjective())
        case .sft: .sft(SFTObjective())
        case .dpo: .dpo(DPOObjective())
        case .tiDPO: .tiDPO(TIDPOObjective())
        case .gmsaAutoencoder: .gmsaAutoencoder(GMSAAutoencoderObjective())
        case .gmsaFinetune: .gmsaFinetune(GMSAFinetuneObjective())
        }
    }

    /// The `train` section with every setting at this method's default.
    package var defaultTrain: TrainSettings {
        var train = TrainSettings()
        switch self {
        case .pretrain:
            train.learningRate = 1e-3
            train.schedule = .cosine
            train.weightDecay = 0.1
            train.beta2 = 0.95
        case .sft: train.learningRate = 2e-5
        case .dpo, .tiDPO: train.learningRate = 5e-6
        case .gmsaAutoencoder: train.learningRate = 1e-4
        case .gmsaFinetune: train.learningRate = 1e-5
        }
        return train
    }

    /// Whether rows are preference pairs.
    package var readsPreferences: Bool { self == .dpo || self == .tiDPO }

    /// Whether the loss compares the policy with a reference.
    package var needsReference: Bool { readsPreferences }
}

/// The settings of a method.
package enum Objective: Sendable, Hashable {
    case pretrain(PretrainObjective)
    case sft(SFTObjective)
    case dpo(DPOObjective)
    case tiDPO(TIDPOObjective)
    case gmsaAutoencoder(GMSAAutoencoderObjective)
    case gmsaFinetune(GMSAFinetuneObjective)

    var tokenizerInput: InputReference? {
        guard case .pretrain(let settings) = self, case .path(let reference)? = settings.tokenizer else { return nil }
        return reference
    }
}
