import Transformer

/// What the matrix products of a model cost, in multiplications and additions, counted from its shape.
struct LayerCost {
    /// Layers of the model.
    let layers: Int
    /// Elements of the matrices of one layer, which every token meets.
    let matrices: Double
    /// Those of them that make queries, keys and values.
    let queryKeyValue: Double
    /// The one that brings heads back to a token's channels.
    let attentionOutput: Double
    /// Channels of a token, and those between the two halves of its feed-forward part.
    let width, intermediateWidth: Double

    private let attentionWidth, head: Double

    init(_ model: LanguageModel) {
        let configuration = model.configuration
        layers = configuration.layerCount
        let all = model.weights.entries.reduce(0.0) { sum, entry in
            if case .layer = entry.role, entry.isMatrix { sum + Double(entry.count) } else { sum }
        }
        matrices = all / Double(layers)
        width = Double(configuration.hiddenSize)
        intermediateWidth = Double(configuration.intermediateSize)
        let keyValueWidth = configuration.keyValueHeadCount * configuration.headDimension
        queryKeyValue = width * Double(configuration.queryWidth + 2 * keyValueWidth)
        attentionWidth = Double(configuration.queryWidth)
        attentionOutput = attentionWidth * width
        head = Double(configuration.vocabularySize) * width
    }

    /// One forward pass through some layers.
    ///
    /// - Parameter seen: tokens that a token sees in attention on average.
    func forward(tokens: Double, seen: Double, layers: Int) -> Double {
        2 * tokens * Double(layers) * (matrices + 2 * attentionWidth * seen)
    }

    /// The scores of some targets.
    func head(targets: Double) -> Double { 2 * targets * head }
}
