package import Compute
internal import JSON
internal import Safetensors

extension LanguageModel {
    /// Opens a Hugging Face folder: config.json and weights.
    ///
    /// - Parameters:
    ///   - trained: which of the model's own tensors are trained; the others stay mapped from the file.
    ///   - adapters: LoRA beside the linears.
    ///   - contextLength: positions that will be used; `max_position_embeddings` by default.
    ///   - further: tensors of the caller's that are trained in the same store, zero at first.
    /// - Throws: `ModelError`, `SafetensorsError`, `FileError` or `ComputeError`, naming file and place.
    package init(
        folder: String, trained: TrainedTensors = .none, adapters: AdapterPlan = .none, contextLength: Int? = nil,
        further: [WeightEntry] = [], team: ThreadTeam
    ) throws {
        try self.init(
            ModelConfiguration(folder: folder), from: .files(WeightFiles(folder: folder)), trained: trained,
            adapters: adapters, contextLength: contextLength, further: further, team: team)
    }

    /// Puts a model together from a configuration and a source of weights.
    package init(
        _ configuration: ModelConfiguration, from source: WeightSource, trained: TrainedTensors = .none,
        adapters plan: AdapterPlan = .none, contextLength: Int? = nil, headChunkRows: Int? = nil,
        further: [WeightEntry] = [], team: ThreadTeam
    ) throws {
        let parts = try plan.parts(for: configuration)
        let weights = try ModelWeights(
            configuration, from: source, trained: trained,
            further: (plan.isTrained ? parts.entries : []) + further, team: team)
        let adapters = try Self.adapters(plan, parts, weights)
        let length = contextLength ?? configuration.trainedLength
        let assembly = Assembly(configuration, weights, adapters, contextLength: length)
        let embedding = assembly.parameter(.embedding)
        self.init(
            configuration: configuration, contextLength: length, embedding: Embedding(weight: embedding),
            stack: assembly.stack,
            norm: RMSNorm(weight: assembly.parameter(.finalNorm), epsilon: configuration.normEpsilon),
            head: LanguageModelHead(weight: assembly.head, chunkRows: headChunkRows),
            weights: weights, adapters: adapters)
    }

    private static func adapters(
        _ plan: AdapterPlan, _ parts: AdapterParts, _ weights: ModelWeights
    ) throws -> ModelAdapters? {
        guard let settings = plan.settings else { return nil }
        let own = plan.isTrained ? weights.store : nil
        let store = try own ?? ParameterStore(parts.entries, trained: false)
        let adapters = ModelAdapters(settings: settings, parts: parts, store: store)
        switch plan {
        case .none: break
        case .fresh(_, let seed): adapters.start(from: weights, seed: seed)
        case .loaded(let folder, _): try folder.load(parts.entries, into: store)
        }
        return adapters
    }
}

extension ModelConfiguration {
    /// Reads config.json of a Hugging Face folder.
    package init(folder: String) throws {
        let file = folder + "/config.json"
        try self.init(
            JSONValue.read(file, hint: "a model folder holds config.json, model.safetensors and tokenizer.json"),
            file: file)
    }
}

/// Puts layers together from named tensors.
private struct Assembly {
    let configuration: ModelConfiguration
    let weights: ModelWeights
    let adapters: ModelAdapters?
    let rotary: RotaryTable

    init(
        _ configuration: ModelConfiguration, _ weights: ModelWeights, _ adapters: ModelAdapters?, contextLength: Int
    ) {
        self.configuration = configuration
        self.weights = weights
        self.adapters = adapters
        rotary = RotaryTable(
            inverseFrequencies: configuration.rotary.inverseFrequencies(
                headDimension: configuration.headDimension, trainedLength: configuration.trainedLength,
                contextLength: contextLength),
            positionCount: contextLength)
    }

    var stack: DecoderStack {
        DecoderStack(blocks: (0..<configuration.layerCount).map(block), hiddenSize: configuration.hiddenSize)
    }

    private func block(_ layer: Int) -> DecoderBlock {
        DecoderBlock(
            DecoderBlock.Parts(
                layer: layer, parameter: { optional(.layer(layer, $0)) },
                adapter: { adapters?.adapter(layer: layer, $0) }, dropout: adapters?.settings.dropout ?? 0,
                room: { adapters?.room(ofGroup: $0) }),
            shape: shape(layer), rotary: rotary, epsilon: configuration.normEpsilon)
    }

    private func shape(_ layer: Int) -> AttentionShape {
        AttentionShape(
            headCount: configuration.headCount, keyValueHeadCount: configuration.keyValueHeadCount,
            headDimension: configuration.headDimension,
            scale: Real(1 / Double(configuration.headDimension).squareRoot()),
            window: configuration.windows[layer])
    }

    /// The tied head stays the base's embedding when adapters train the embedding whole, as in PEFT.
    var head: Parameter {
        if let replacement = adapters?.replacement(of: .head) { return replacement }
        return configuration.tiesEmbeddings ? base(.embedding) : base(.head)
    }

    /// A tensor that the weight table lists for this configuration; loading has checked that it is there.
    func parameter(_ role: WeightRole) -> Parameter { adapters?.replacement(of: role) ?? base(role) }

    private func optional(_ role: WeightRole) -> Parameter? { adapters?.replacement(of: role) ?? weights[role] }

    private func base(_ role: WeightRole) -> Parameter {
        guard let parameter = weights[role] else { preconditionFailure("the weight table lists no \(role)") }
        return parameter
    }
}
