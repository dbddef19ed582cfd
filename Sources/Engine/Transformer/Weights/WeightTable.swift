/// What a tensor is in the model, whatever a family calls it.
package enum WeightRole: Hashable, Sendable {
    case embedding
    case finalNorm
    case head
    case layer(Int, LayerRole)
    /// Matrix A of the LoRA adapter beside a linear.
    case adapterDown(Int, LayerRole)
    /// Matrix B.
    case adapterUp(Int, LayerRole)
}

/// The tensors of one decoder layer.
package enum LayerRole: String, Hashable, Sendable, CaseIterable {
    case query, key, value, output, gate, up, down
    case queryBias, keyBias, valueBias, outputBias, gateBias, upBias, downBias
    case attentionNorm, queryNorm, keyNorm, feedForwardNorm
}

/// One tensor that a model of a given configuration has.
package struct WeightEntry: Hashable, Sendable {
    /// Its name in Hugging Face files.
    package let name: String
    /// Its place in the model.
    package let role: WeightRole
    /// Vectors have one row.
    package let rows: Int
    /// Elements of a row.
    package let columns: Int
    /// False for norm weights and biases.
    package let isMatrix: Bool

    /// An entry made in code.
    package init(name: String, role: WeightRole, rows: Int, columns: Int, isMatrix: Bool) {
        self.name = name
        self.role = role
        self.rows = rows
        self.columns = columns
        self.isMatrix = isMatrix
    }

    /// The shape in the file.
    package var shape: [Int] { isMatrix ? [rows, columns] : [columns] }
    /// Number of elements.
    package var count: Int { rows * columns }
}

/// One line of a family's table: the name in the file ↔ the place in the model, with its shape.
struct WeightBinding: Sendable {
    let name: String
    let role: LayerRole
    let shape: @Sendable (ModelConfiguration) -> [Int]
    let isPresent: @Sendable (ModelConfiguration) -> Bool

    init(
        _ name: String, _ role: LayerRole,
        when isPresent: @escaping @Sendable (ModelConfiguration) -> Bool = { _ in true },
        shape: @escaping @Sendable (ModelConfiguration) -> [Int]
    ) {
        self.name = name
        self.role = role
        self.shape = shape
        self.isPresent = isPresent
    }
}

/// Names and shapes of every tensor of a family: used to load, to save and to name the targets of adapters.
package struct WeightTable: Sendable {
    let embedding: String
    let layerPrefix: @Sendable (Int) -> String
    let layer: [WeightBinding]
    let finalNorm: String
    let head: String

    /// The table of a family. A family with other names gets its own here.
    static func table(of family: ModelFamily) -> WeightTable {
        switch family {
        case .llama, .mistral, .qwen2, .qwen3: llamaNames
        }
    }

    /// Llama's names, which the other families share. The order is that of the parameter store.
    static let llamaNames = WeightTable(
        embedding: "model.embed_tokens.weight",
        layerPrefix: { "model.layers.\($0)." },
        layer: [
            WeightBinding("self_attn.q_proj.weight", .query) { [$0.queryWidth, $0.hiddenSize] },
            WeightBinding("self_attn.k_proj.weight", .key) { [$0.keyValueWidth, $0.hiddenSize] },
            WeightBinding("self_attn.v_proj.weight", .value) { [$0.keyValueWidth, $0.hiddenSize] },
            WeightBinding("self_attn.o_proj.weight", .output) { [$0.hiddenSize, $0.queryWidth] },
            WeightBinding("mlp.gate_proj.weight", .gate) { [$0.intermediateSize, $0.hiddenSize] },
            WeightBinding("mlp.up_proj.weight", .up) { [$0.intermediateSize, $0.hiddenSize] },
            WeightBinding("mlp.down_proj.weight", .down) { [$0.hiddenSize, $0.intermediateSize] },
            WeightBinding("self_attn.q_proj.bias", .queryBias, when: \.biases.queryKeyValue) { [$0.queryWidth] },
            WeightBinding("self_attn.k_proj.bias", .keyBias, when: \.biases.queryKeyValue) { [$0.keyValueWidth] },
            WeightBinding("self_attn.v_proj.bias", .valueBias, when: \.biases.queryKeyValue) { [$0.keyValueWidth] },
            WeightBinding("self_attn.o_proj.bias", .outputBias, when: \.biases.attentionOutput) { [$0.hiddenSize] },
            WeightBinding("mlp.gate_proj.bias", .gateBias, when: \.biases.feedForward) { [$0.intermediateSize] },
            WeightBinding("mlp.up_proj.bias", .upBias, when: \.biases.feedForward) { [$0.intermediateSize] },
            WeightBinding("mlp.down_proj.bias", .downBias, when: \.biases.feedForward) { [$0.hiddenSize] },
            WeightBinding("input_layernorm.weight", .attentionNorm) { [$0.hiddenSize] },
            WeightBinding("self_attn.q_norm.weight", .queryNorm, when: \.hasHeadNorms) { [$0.headDimension] },
            WeightBinding("self_attn.k_norm.weight", .keyNorm, when: \.hasHeadNorms) { [$0.headDimension] },
            WeightBinding("post_attention_layernorm.weight", .feedForwardNorm) { [$0.hiddenSize] },
        ],
        finalNorm: "model.norm.weight",
        head: "lm_head.weight")

    /// Every tensor of a model, in the order of the parameter store. A tied head is not listed.
    package static func entries(of configuration: ModelConfiguration) -> [WeightEntry] {
        let table = table(of: configuration.family)
        var entries = [entry(table.embedding, .embedding, [configuration.vocabularySize, configuration.hiddenSize])]
        for layer in 0..<configuration.layerCount {
            for binding in table.layer where binding.isPresent(configuration) {
                let name = table.layerPrefix(layer) + binding.name
                entries.append(entry(name, .layer(layer, binding.role), binding.shape(configuration)))
            }
        }
        entries.append(entry(table.finalNorm, .finalNorm, [configuration.hiddenSize]))
        if !configuration.tiesEmbeddings { entries.append(headEntry(of: configuration)) }
        return entries
    }

    /// The head as a tensor of its own.
    static func headEntry(of configuration: ModelConfiguration) -> WeightEntry {
        entry(
            table(of: configuration.family).head, .head, [configuration.vocabularySize, configuration.hiddenSize])
    }

    private static func entry(_ name: String, _ role: WeightRole, _ shape: [Int]) -> WeightEntry {
        WeightEntry(
            name: name, role: role, rows: shape.count == 2 ? shape[0] : 1, columns: shape[shape.count - 1],
            isMatrix: shape.count == 2)
    }
}
