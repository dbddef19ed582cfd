internal import JSON

/// The architectures that can be read. They differ by configuration, not by code: a family says what its
/// `config.json` means and which optional tensors its layers have.
package enum ModelFamily: String, Sendable, CaseIterable {
    case llama, mistral, qwen2, qwen3

    /// The name in the `architectures` list of config.json.
    package var architecture: String {
        switch self {
        case .llama: "LlamaForCausalLM"
        case .mistral: "MistralForCausalLM"
        case .qwen2: "Qwen2ForCausalLM"
        case .qwen3: "Qwen3ForCausalLM"
        }
    }

    /// The family that a configuration names, by its architecture or else by its model type.
    static func named(in fields: JSONFields) throws(ModelError) -> ModelFamily {
        if let architecture = try fields.strings("architectures")?.first {
            guard let family = allCases.first(where: { $0.architecture == architecture }) else {
                throw .unsupportedArchitecture(file: fields.file, found: architecture)
            }
            return family
        }
        let type = try fields.string("model_type")
        guard let type, let family = ModelFamily(rawValue: type) else {
            throw .unsupportedArchitecture(file: fields.file, found: type ?? "(none named)")
        }
        return family
    }

    /// RMSNorm epsilon when the file gives none (the defaults of Transformers).
    var defaultNormEpsilon: Double { 1e-6 }

    /// Whether word embeddings serve as the head when the file does not say.
    var tiesEmbeddingsByDefault: Bool { false }

    /// Whether the layers normalise every query and key head before rotation.
    var hasHeadNorms: Bool { self == .qwen3 }
}

/// Which linears of a layer carry a bias.
package struct BiasPlacement: Sendable, Hashable {
    /// q, k and v projections.
    package var queryKeyValue = false
    /// The projection after attention.
    package var attentionOutput = false
    /// gate, up and down.
    package var feedForward = false

    /// No biases by default.
    package init(queryKeyValue: Bool = false, attentionOutput: Bool = false, feedForward: Bool = false) {
        self.queryKeyValue = queryKeyValue
        self.attentionOutput = attentionOutput
        self.feedForward = feedForward
    }

    init(of family: ModelFamily, in fields: JSONFields) throws(ModelError) {
        let attention = try fields.bool("attention_bias") ?? false
        switch family {
        case .llama:
            let feedForward = try fields.bool("mlp_bias") ?? false
            self.init(queryKeyValue: attention, attentionOutput: attention, feedForward: feedForward)
        case .qwen3: self.init(queryKeyValue: attention, attentionOutput: attention)
        case .qwen2: self.init(queryKeyValue: true)
        case .mistral: self.init()
        }
    }
}
