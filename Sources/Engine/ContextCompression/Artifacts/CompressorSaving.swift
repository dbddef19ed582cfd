internal import Compute
internal import DurableFiles
internal import JSON
internal import Safetensors
internal import Transformer

/// Writes the parts of a compressor's folder.
struct CompressorSaving {
    let compressor: Compressor
    let base: LanguageModel
    let team: ThreadTeam

    static let adapters = "adapters"
    static let encoderAdapter = "encoder_lora"
    static let adapterWeights = "adapter_model.safetensors"
    /// Where the parts beside the encoder's adapters are, where a compressor has them.
    static let files: [(part: CompressorWeights.Part, name: String)] = [
        (.alignment, "lsa.safetensors"), (.inputs, "inputs.safetensors"),
    ]

    private var settings: CompressorSettings { compressor.settings }

    /// The base's embedding, first layers with the adapters added to the weights, and final norm.
    func writeEncoder(into directory: inout DurableDirectory) throws {
        let configuration = base.configuration.keepingLayers(settings.encoderLayers)
        try directory.add("config.json", headless(configuration).text)
        let tensors = base.weights.entries.filter(isInEncoder).map { entry in
            BlockedTensor(name: Self.headlessName(entry.name), shape: entry.shape) { rows, target in
                mergedWeight(entry, rows, into: target)
            }.toWrite
        }
        try directory.add("model.safetensors") { try SafetensorsWriter.write(tensors, to: &$0) }
    }

    /// The alignment layers and the norm after them. Their embedding is never looked up: one row of zeros.
    func writeAlignment(into directory: inout DurableDirectory) throws {
        var configuration = base.configuration.keepingLayers(settings.alignmentLayers)
        configuration.vocabularySize = 1
        try directory.add("config.json", headless(configuration, isEmbeddingUnused: true).text)
        let width = base.configuration.hiddenSize
        var tensors = compressor.weights.entries(of: .alignment).map { entry in
            tensor(CompressorWeights.name(entry, in: .alignment), entry.shape, compressor.parameters.parameter(entry))
        }
        tensors.append(
            BlockedTensor(name: "embed_tokens.weight", shape: [1, width]) { _, target in target.fill(0) }.toWrite)
        if settings.alignmentNorm != .trained, let norm = compressor.alignmentNorm {
            tensors.append(tensor("norm.weight", [width], norm.weight))
        }
        try directory.add("model.safetensors") { try SafetensorsWriter.write(tensors, to: &$0) }
    }

    /// The adapters in PEFT's form, for the model in `encoder/` before merging.
    func writeAdapter(into directory: inout DurableDirectory, base: String) throws {
        let adapter = AdapterSettings(
            rank: settings.adapterRank, alpha: settings.adapterAlpha, dropout: settings.adapterDropout)
        try directory.add("adapter_config.json", adapter.encoded(base: base).text)
        try directory.add(Self.adapterWeights) { try write(.encoder, to: &$0) }
    }

    /// One part as it was trained.
    func write(_ part: CompressorWeights.Part, to file: inout HashingFile) throws {
        let tensors = compressor.weights.entries(of: part).map { entry in
            tensor(CompressorWeights.name(entry, in: part), entry.shape, compressor.parameters.parameter(entry))
        }
        try SafetensorsWriter.write(tensors, to: &file)
    }

    private func tensor(_ name: String, _ shape: [Int], _ parameter: Parameter) -> TensorToWrite {
        BlockedTensor(name: name, shape: shape) { rows, target in target.copy(from: parameter.value.rows(rows)) }
            .toWrite
    }

    /// Some rows of W + scale · B A.
    private func mergedWeight(_ entry: WeightEntry, _ rows: Range<Int>, into target: Matrix) {
        guard let weight = base.weights[entry.role]?.elements else { return }
        weight.rows(rows).copy(into: target)
        guard case .layer(let layer, let role) = entry.role, entry.isMatrix,
            let adapter = compressor.weights.adapter(layer, role)
        else { return }
        multiply(
            adapter.up.value.rows(rows).n, adapter.down.value.n, into: target, accumulate: true, scale: adapter.scale,
            team: team)
    }

    private func isInEncoder(_ entry: WeightEntry) -> Bool {
        switch entry.role {
        case .embedding, .finalNorm: true
        case .layer(let layer, _): layer < settings.encoderLayers
        default: false
        }
    }

    /// config.json of the same layers without a head, as `AutoModel` reads it.
    private func headless(_ configuration: ModelConfiguration, isEmbeddingUnused: Bool = false) -> JSONValue {
        guard case .object(var keys) = configuration.encoded(elementType: "float32") else { return .null }
        let architecture = configuration.family.architecture
        keys["architectures"] = .array([.string(architecture.dropLast("ForCausalLM".count) + "Model")])
        if isEmbeddingUnused {
            for key in ["pad_token_id", "bos_token_id", "eos_token_id"] { keys[key] = .null }
        }
        return .object(keys)
    }

    /// A headless model's names have no `model.` in front.
    private static func headlessName(_ name: String) -> String { String(name.dropFirst("model.".count)) }
}

/// A float32 tensor that is computed in blocks of rows while it is written.
private struct BlockedTensor {
    let name: String
    let shape: [Int]
    /// Fills a block of rows × columns; a vector is one row.
    let fill: (Range<Int>, Matrix) -> Void

    private static let blockElements = 1 << 18

    var toWrite: TensorToWrite {
        let (rows, columns) = (shape.count == 2 ? shape[0] : 1, shape[shape.count - 1])
        return TensorToWrite(name: name, dataType: .float32, shape: shape) { file in
            let height = min(rows, max(1, Self.blockElements / max(1, columns)))
            let arena = try Arena(byteCount: height * columns * MemoryLayout<Real>.stride + Arena.alignment)
            let block = arena.matrix(height, columns)
            for start in stride(from: 0, to: rows, by: height) {
                let range = start..<min(start + height, rows)
                let part = block.rows(0..<range.count)
                fill(range, part)
                let floats = (0..<part.count).map { Float(part.base[$0]) }
                try floats.withUnsafeBytes { try file.write($0) }
            }
        }
    }
}
