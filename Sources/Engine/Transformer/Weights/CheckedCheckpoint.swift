package import Safetensors

/// An opened checkpoint whose tensors are those of a configuration: nothing missing, nothing unused, every shape and
/// element type as expected.
struct CheckedCheckpoint {
    private let files: WeightFiles
    private let tiedHead: String?

    init(_ files: WeightFiles, _ configuration: ModelConfiguration, _ entries: [WeightEntry]) throws {
        self.init(unchecked: files, configuration)
        if let first = try findings(entries).first { throw first }
    }

    private init(unchecked files: WeightFiles, _ configuration: ModelConfiguration) {
        self.files = files
        tiedHead = configuration.tiesEmbeddings ? WeightTable.table(of: configuration.family).head : nil
    }

    /// Everything that keeps the tensors from being those of a configuration; empty when a model would open.
    static func findings(_ files: WeightFiles, _ configuration: ModelConfiguration) throws -> [ModelError] {
        try Self(unchecked: files, configuration).findings(WeightTable.entries(of: configuration))
    }

    /// The tensor of an entry. Tied weights are saved under the embedding's name or, by some tools, under the head's.
    func tensor(_ entry: WeightEntry) throws -> TensorView {
        if entry.role == .embedding, !files.contains(entry.name), let tiedHead { return try files.tensor(tiedHead) }
        return try files.tensor(entry.name)
    }

    private func findings(_ entries: [WeightEntry]) throws -> [ModelError] {
        let present = entries.filter { files.contains($0.name) || isSavedAsHead($0) }
        return nameFindings(entries) + (try present.flatMap(tensorFindings))
    }

    private func nameFindings(_ entries: [WeightEntry]) -> [ModelError] {
        let missing = entries.filter { !files.contains($0.name) && !isSavedAsHead($0) }.map(\.name)
        let expected = Set(entries.map(\.name))
        let unused = files.names.filter { !expected.contains($0) && $0 != tiedHead && !isLeftover($0) }
        return (missing.isEmpty ? [] : [.missingTensors(file: files.path, names: missing)])
            + (unused.isEmpty ? [] : [.unusedTensors(file: files.path, names: unused)])
    }

    private func isSavedAsHead(_ entry: WeightEntry) -> Bool {
        entry.role == .embedding && tiedHead.map(files.contains) ?? false
    }

    /// Buffers that old versions of Transformers saved.
    private func isLeftover(_ name: String) -> Bool { name.hasSuffix("rotary_emb.inv_freq") }

    private func tensorFindings(_ entry: WeightEntry) throws -> [ModelError] {
        let tensor = try tensor(entry)
        guard tensor.shape == entry.shape else {
            return [.wrongShape(file: files.path, tensor: entry.name, found: tensor.shape, expected: entry.shape)]
        }
        guard [.float32, .bfloat16, .float16, .float64].contains(tensor.dataType) else {
            return [
                .unsupportedElementType(file: files.path, tensor: entry.name, found: tensor.dataType.rawValue)
            ]
        }
        return entry.role == .embedding ? try tiedHeadFindings(tensor) : []
    }

    /// A head saved beside tied embeddings must be their copy.
    private func tiedHeadFindings(_ embedding: TensorView) throws -> [ModelError] {
        guard let tiedHead, files.contains(tiedHead) else { return [] }
        let head = try files.tensor(tiedHead)
        guard head.dataType == embedding.dataType, head.bytes.elementsEqual(embedding.bytes) else {
            return [
                .unsupportedFeature(
                    file: files.path, key: "tie_word_embeddings: true",
                    found: "\(tiedHead) different from the embedding",
                    supported: "equal weights, or tie_word_embeddings: false")
            ]
        }
        return []
    }
}

extension ModelConfiguration {
    /// Everything that keeps some weights from being this model's: missing and unused tensors, wrong shapes and
    /// element types; empty when the model would open.
    package func findings(in files: WeightFiles) throws -> [ModelError] {
        try CheckedCheckpoint.findings(files, self)
    }
}
