package import JSON

extension ModelConfiguration {
    /// Decodes config.json, in the spelling of published checkpoints or of Transformers 5.
    ///
    /// - Throws: `ModelError` naming the key: of the wrong type, out of range, or a feature that is not computed here.
    package init(_ root: JSONValue, file: String) throws(ModelError) {
        let fields = try JSONFields(root, file: file)
        family = try ModelFamily.named(in: fields)
        try Self.checkFeatures(fields)
        vocabularySize = try fields.requiredCount("vocab_size", limit: 1 << 24)
        hiddenSize = try fields.requiredCount("hidden_size", limit: 1 << 20)
        intermediateSize = try fields.requiredCount("intermediate_size", limit: 1 << 20)
        layerCount = try fields.requiredCount("num_hidden_layers", limit: 1 << 12)
        headCount = try fields.requiredCount("num_attention_heads", limit: 1 << 14)
        keyValueHeadCount = try Self.keyValueHeadCount(fields, family: family, headCount: headCount)
        headDimension = try Self.headDimension(fields, family, hiddenSize: hiddenSize, headCount: headCount)
        normEpsilon = try fields.positive("rms_norm_eps") ?? family.defaultNormEpsilon
        rotary = try RotarySettings(fields)
        trainedLength = try fields.count("max_position_embeddings", limit: 1 << 27) ?? 2048
        tiesEmbeddings = try fields.bool("tie_word_embeddings") ?? family.tiesEmbeddingsByDefault
        biases = try BiasPlacement(of: family, in: fields)
        hasHeadNorms = family.hasHeadNorms
        windows = try Self.windows(fields, family: family, layerCount: layerCount)
        beginOfSequenceID = try fields.tokenIDs("bos_token_id").first
        endOfSequenceIDs = try fields.tokenIDs("eos_token_id")
        initializerRange = try fields.positive("initializer_range") ?? 0.02
        source = fields.values
        try checkShape(file: file)
    }

    /// Families newer than Llama have defaults that depend on nothing in the file, so there the key must be present.
    private static func keyValueHeadCount(
        _ fields: JSONFields, family: ModelFamily, headCount: Int
    ) throws(ModelError) -> Int {
        let key = "num_key_value_heads"
        if family != .llama && fields.values[key] == nil { return try fields.requiredCount(key, limit: 1 << 14) }
        return try fields.count(key, limit: 1 << 14) ?? headCount
    }

    private static func headDimension(
        _ fields: JSONFields, _ family: ModelFamily, hiddenSize: Int, headCount: Int
    ) throws(ModelError) -> Int {
        if let given = try fields.count("head_dim", limit: 1 << 12) { return given }
        if family == .qwen3 && fields.values["head_dim"] == nil { return 128 }
        guard hiddenSize % headCount == 0 else {
            throw .malformedField(
                file: fields.file, key: "num_attention_heads", found: "\(headCount)",
                expected: "a divisor of hidden_size, \(hiddenSize), when head_dim is not given")
        }
        return hiddenSize / headCount
    }

    /// Refuses what would be computed wrongly.
    private static func checkFeatures(_ fields: JSONFields) throws(ModelError) {
        let activation = try fields.string("hidden_act") ?? "silu"
        guard activation == "silu" || activation == "swish" else {
            throw .unsupportedFeature(
                file: fields.file, key: "hidden_act", found: activation, supported: "silu (a gated linear unit)")
        }
        if let dropout = try fields.number("attention_dropout"), dropout != 0 {
            throw .unsupportedFeature(
                file: fields.file, key: "attention_dropout", found: "\(dropout)", supported: "0")
        }
        if let share = try fields.number("partial_rotary_factor"), share != 1 {
            throw .unsupportedFeature(
                file: fields.file, key: "partial_rotary_factor", found: "\(share)", supported: "1")
        }
        if fields.value("quantization_config") != nil {
            throw .unsupportedFeature(
                file: fields.file, key: "quantization_config", found: "a quantized checkpoint",
                supported: "F32, BF16 and F16 weights")
        }
    }

    /// The window of every layer, from `layer_types` where given, else from the family's rule.
    private static func windows(
        _ fields: JSONFields, family: ModelFamily, layerCount: Int
    ) throws(ModelError) -> [Int?] {
        let full = [Int?](repeating: nil, count: layerCount)
        switch family {
        case .llama: return full
        case .mistral:
            // Transformers takes 4096 when the key is absent and no window when it is null.
            let window = fields.values["sliding_window"] == nil ? 4096 : try fields.count("sliding_window")
            return [Int?](repeating: window, count: layerCount)
        case .qwen2, .qwen3:
            guard try fields.bool("use_sliding_window") ?? false else { return full }
            let window = fields.values["sliding_window"] == nil ? 4096 : try fields.count("sliding_window")
            if let types = try layerTypes(fields, layerCount: layerCount) {
                return types.map { $0 == "sliding_attention" ? window : nil }
            }
            let first = try firstSlidingLayer(fields)
            return (0..<layerCount).map { $0 >= first ? window : nil }
        }
    }

    /// `max_window_layers`: the layers below it see everything (it may be 0).
    private static func firstSlidingLayer(_ fields: JSONFields) throws(ModelError) -> Int {
        switch fields.value("max_window_layers") {
        case nil: return 28
        case .integer(let number) where number >= 0: return number
        case let other?: throw fields.malformed("max_window_layers", other, "a whole number, 0 or more")
        }
    }

    private static func layerTypes(_ fields: JSONFields, layerCount: Int) throws(ModelError) -> [String]? {
        guard let types = try fields.strings("layer_types") else { return nil }
        guard types.count == layerCount else {
            throw .malformedField(
                file: fields.file, key: "layer_types", found: "\(types.count) entries", expected: "\(layerCount)")
        }
        for type in types where type != "full_attention" && type != "sliding_attention" {
            throw .unsupportedFeature(
                file: fields.file, key: "layer_types", found: type, supported: "full_attention, sliding_attention")
        }
        return types
    }

    /// config.json for this model: the keys of its source, brought up to date, or all keys of a fresh model.
    ///
    /// - Parameter elementType: what the weights are saved as, in PyTorch's word: "float32", "bfloat16", "float16".
    package func encoded(elementType: String) -> JSONValue {
        var keys = source.isEmpty ? freshKeys : source
        keys["num_hidden_layers"] = .integer(layerCount)
        keys["vocab_size"] = .integer(vocabularySize)
        keys["tie_word_embeddings"] = .bool(tiesEmbeddings)
        // A model that kept only its first layers has only their types.
        if case .array(let types)? = keys["layer_types"] { keys["layer_types"] = .array(Array(types.prefix(layerCount))) }
        keys[keys["dtype"] == nil ? "torch_dtype" : "dtype"] = .string(elementType)
        return .object(keys)
    }

    private var freshKeys: JSONObject {
        var keys: JSONObject = [
            "architectures": .array([.string(family.architecture)]), "model_type": .string(family.rawValue),
            "hidden_size": .integer(hiddenSize), "intermediate_size": .integer(intermediateSize),
            "num_attention_heads": .integer(headCount), "num_key_value_heads": .integer(keyValueHeadCount),
            "head_dim": .integer(headDimension), "hidden_act": .string("silu"),
            "max_position_embeddings": .integer(trainedLength), "rms_norm_eps": .number(normEpsilon),
            "rope_theta": .number(rotary.theta), "rope_scaling": rotary.scaling.encoded ?? .null,
            "initializer_range": .number(initializerRange), "attention_dropout": .number(0), "use_cache": .bool(true),
            "bos_token_id": beginOfSequenceID.map { .integer(Int($0)) } ?? .null,
            "eos_token_id": encodedEnd,
        ]
        switch family {
        case .llama:
            keys["attention_bias"] = .bool(biases.queryKeyValue)
            keys["mlp_bias"] = .bool(biases.feedForward)
        case .qwen3: keys["attention_bias"] = .bool(biases.queryKeyValue)
        case .mistral, .qwen2: break
        }
        if family == .mistral { keys["sliding_window"] = windows.first?.map { .integer($0) } ?? .null }
        return keys
    }

    private var encodedEnd: JSONValue {
        switch endOfSequenceIDs.count {
        case 0: .null
        case 1: .integer(Int(endOfSequenceIDs[0]))
        default: .array(endOfSequenceIDs.map { .integer(Int($0)) })
        }
    }
}
