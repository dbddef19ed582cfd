internal import Safetensors

/// An opened checkpoint whose tensors are those of a configuration: nothing missing, nothing unused, every shape and
/// element type as expected.
struct CheckedCheckpoint {
    private let files: WeightFiles
    private let tiedHead: String?

    init(_ files: WeightFiles, _ configuration: ModelConfiguration, _ entries: [WeightEntry]) throws {
        self.files = files
        tiedHead = configuration.tiesEmbeddings ? WeightTable.table(of: configuration.family).head : nil
        try checkNames(entries)
        for entry in entries { try check(entry) }
    }

    /// The tensor of an entry. Tied weights are saved under the embedding's name or, by some tools, under the head's.
    func tensor(_ entry: WeightEntry) throws -> TensorView {
        if entry.role == .embedding, !files.contains(entry.name), let tiedHead { return try files.tensor(tiedHead) }
        return try files.tensor(entry.name)
    }

    private func checkNames(_ entries: [WeightEntry]) throws {
        let missing = entries.filter { !files.contains($0.name) && !isSavedAsHead($0) }.map(\.name)
        guard missing.isEmpty else { throw ModelError.missingTensors(file: files.path, names: missing) }
        let expected = Set(entries.map(\.name))
        let unused = files.names.filter { !expected.contains($0) && $0 != tiedHead && !isLeftover($0) }
        guard unused.isEmpty else { throw ModelError.unusedTensors(file: files.path, names: unused) }
    }

    private func isSavedAsHead(_ entry: WeightEntry) -> Bool {
        entry.role == .embedding && tiedHead.map(files.contains) ?? false
    }

    /// Buffers that old versions of Transformers saved.
    private func isLeftover(_ name: String) -> Bool { name.hasSuffix("rotary_emb.inv_freq") }

    private func check(_ entry: WeightEntry) throws {
        let tensor = try tensor(entry)
        guard tensor.shape == entry.shape else {
            throw ModelError.wrongShape(
                file: files.path, tensor: entry.name, found: tensor.shape, expected: entry.shape)
        }
        guard [.float32, .bfloat16, .float16, .float64].contains(tensor.dataType) else {
            throw ModelError.unsupportedElementType(
                file: files.path, tensor: entry.name, found: tensor.dataType.rawValue)
        }
        if entry.role == .embedding { try checkTiedHead(tensor) }
    }

    /// A head saved beside tied embeddings must be their copy.
    private func checkTiedHead(_ embedding: TensorView) throws {
        guard let tiedHead, files.contains(tiedHead) else { return }
        let head = try files.tensor(tiedHead)
        guard head.dataType == embedding.dataType, head.bytes.elementsEqual(embedding.bytes) else {
            throw ModelError.unsupportedFeature(
                file: files.path, key: "tie_word_embeddings: true", found: "\(tiedHead) different from the embedding",
                supported: "equal weights, or tie_word_embeddings: false")
        }
    }
}
