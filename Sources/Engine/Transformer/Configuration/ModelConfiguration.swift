package import JSON

/// The shape of a causal language model, as its config.json gives it, validated once and then trusted.
package struct ModelConfiguration: Sendable, Equatable {
    /// Which architecture.
    package var family: ModelFamily
    /// `vocab_size`: rows of the embedding and of the head.
    package var vocabularySize: Int
    /// `hidden_size`: channels of the residual stream.
    package var hiddenSize: Int
    /// `intermediate_size`: channels between gate/up and down.
    package var intermediateSize: Int
    /// `num_hidden_layers`.
    package var layerCount: Int
    /// `num_attention_heads`: query heads.
    package var headCount: Int
    /// `num_key_value_heads`; divides `headCount`.
    package var keyValueHeadCount: Int
    /// `head_dim`: channels of one head; even.
    package var headDimension: Int
    /// `rms_norm_eps`.
    package var normEpsilon: Double
    /// Rotary position embedding.
    package var rotary: RotarySettings
    /// Positions the model was trained for (`max_position_embeddings`).
    package var trainedLength: Int
    /// Whether the word embeddings are also the head.
    package var tiesEmbeddings: Bool
    /// Which linears have a bias.
    package var biases: BiasPlacement
    /// Whether every query and key head is normalised before rotation.
    package var hasHeadNorms: Bool
    /// Per layer the number of tokens a token sees, itself included; nil for all.
    package var windows: [Int?]
    /// `bos_token_id`; nil when the model has none.
    package var beginOfSequenceID: Int32?
    /// Ids that end a sequence.
    package var endOfSequenceIDs: [Int32]
    /// Standard deviation of fresh weights (`initializer_range`).
    package var initializerRange: Double
    /// All keys of the file this came from, so that writing it back loses nothing.
    package var source: JSONObject

    /// A configuration made in code: a model to be trained from nothing, or a test's.
    package init(
        family: ModelFamily = .llama, vocabularySize: Int, hiddenSize: Int, intermediateSize: Int, layerCount: Int,
        headCount: Int, keyValueHeadCount: Int? = nil, headDimension: Int? = nil, normEpsilon: Double = 1e-5,
        rotary: RotarySettings = RotarySettings(), trainedLength: Int = 2048, tiesEmbeddings: Bool = true,
        biases: BiasPlacement = BiasPlacement(), window: Int? = nil, beginOfSequenceID: Int32? = nil,
        endOfSequenceIDs: [Int32] = [], initializerRange: Double = 0.02
    ) throws(ModelError) {
        self.family = family
        self.vocabularySize = vocabularySize
        self.hiddenSize = hiddenSize
        self.intermediateSize = intermediateSize
        self.layerCount = layerCount
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount ?? headCount
        self.headDimension = headDimension ?? hiddenSize / max(1, headCount)
        self.normEpsilon = normEpsilon
        self.rotary = rotary
        self.trainedLength = trainedLength
        self.tiesEmbeddings = tiesEmbeddings
        self.biases = biases
        hasHeadNorms = family.hasHeadNorms
        windows = Array(repeating: window, count: max(0, layerCount))
        self.beginOfSequenceID = beginOfSequenceID
        self.endOfSequenceIDs = endOfSequenceIDs
        self.initializerRange = initializerRange
        source = [:]
        try checkShape(file: "model configuration")
    }

    /// Columns of all query heads together.
    package var queryWidth: Int { headCount * headDimension }
    /// Columns of all key (or value) heads together.
    package var keyValueWidth: Int { keyValueHeadCount * headDimension }

    /// The same model with only its first layers, as a context encoder uses it.
    package func keepingLayers(_ count: Int) -> ModelConfiguration {
        var shorter = self
        shorter.layerCount = min(count, layerCount)
        shorter.windows = Array(windows.prefix(shorter.layerCount))
        return shorter
    }

    /// Relations between the sizes that every later computation relies on.
    func checkShape(file: String) throws(ModelError) {
        let sizes = [
            ("vocab_size", vocabularySize), ("hidden_size", hiddenSize), ("intermediate_size", intermediateSize),
            ("num_hidden_layers", layerCount), ("num_attention_heads", headCount),
            ("num_key_value_heads", keyValueHeadCount), ("head_dim", headDimension),
            ("max_position_embeddings", trainedLength),
        ]
        for (key, size) in sizes where size < 1 {
            throw .malformedField(file: file, key: key, found: "\(size)", expected: "a whole number above 0")
        }
        guard headDimension % 2 == 0 else {
            throw .malformedField(
                file: file, key: "head_dim", found: "\(headDimension)", expected: "an even number (rotary pairs)")
        }
        guard headCount % keyValueHeadCount == 0 else {
            throw .malformedField(
                file: file, key: "num_key_value_heads", found: "\(keyValueHeadCount)",
                expected: "a divisor of num_attention_heads, \(headCount)")
        }
        for id in endOfSequenceIDs + [beginOfSequenceID].compactMap({ $0 }) where Int(id) >= vocabularySize {
            throw .malformedField(
                file: file, key: "bos_token_id / eos_token_id", found: "\(id)",
                expected: "an id below vocab_size, \(vocabularySize)")
        }
    }
}
