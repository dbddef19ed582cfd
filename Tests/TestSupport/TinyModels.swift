package import Compute
package import Transformer

/// Small random models, one for every way in which families differ.
package enum TinyModel: String, CaseIterable, Sendable {
    case untied, tied, biased, windowed, headNorms

    /// The model's shape. Heads are grouped, and head width differs from hidden / heads where a family allows it.
    package func configuration(layers: Int = 2) throws -> ModelConfiguration {
        var configuration = try ModelConfiguration(
            family: family, vocabularySize: 23, hiddenSize: 16, intermediateSize: 20, layerCount: layers,
            headCount: 4, keyValueHeadCount: 2, headDimension: self == .windowed ? 6 : 4, trainedLength: 64,
            tiesEmbeddings: self == .tied || self == .headNorms,
            biases: self == .biased
                ? BiasPlacement(queryKeyValue: true, attentionOutput: true, feedForward: true) : BiasPlacement(),
            window: self == .windowed ? 3 : nil, endOfSequenceIDs: [2], initializerRange: 0.3)
        if self == .headNorms { configuration.headDimension = 6 }
        return configuration
    }

    private var family: ModelFamily {
        switch self {
        case .untied, .tied, .biased: .llama
        case .windowed: .mistral
        case .headNorms: .qwen3
        }
    }

    /// A model with weights drawn from `seed`, norms and biases shaken so that their gradients are not special.
    package func model(
        layers: Int = 2, trained: TrainedTensors = .all, adapters: AdapterPlan = .none, seed: UInt64 = 1,
        headChunkRows: Int? = nil, team: ThreadTeam
    ) throws -> LanguageModel {
        let model = try LanguageModel(
            configuration(layers: layers), from: .random(seed: seed), trained: trained, adapters: adapters,
            headChunkRows: headChunkRows, team: team)
        shake(model, seed: seed)
        return model
    }

    private func shake(_ model: LanguageModel, seed: UInt64) {
        for (index, entry) in model.weights.entries.enumerated() where !entry.isMatrix {
            let stream = RandomStream(seed: seed, stream: UInt64(1000 + index))
            guard let values = model.weights[entry.role]?.value else { continue }
            for element in 0..<values.count { values.base[element] += Real(0.2 * stream.normal(UInt64(element))) }
        }
    }
}

/// Token ids as a pure function of their arguments, none of them below 3.
package func tinyTokens(_ count: Int, seed: UInt64, vocabularySize: Int = 23) -> [Int32] {
    let stream = RandomStream(seed: seed, stream: 99)
    return (0..<count).map { Int32(3 + stream.below(vocabularySize - 3, UInt64($0))) }
}
