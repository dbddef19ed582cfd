package import Compute
package import DurableFiles
internal import JSON
internal import Safetensors

/// How a model is saved.
package struct ModelSaveOptions: Sendable {
    /// How numbers are stored.
    package var element: SavedElement
    /// Weights above this many bytes are split into shards, as Transformers does.
    package var shardByteLimit: Int
    /// Adds trained or loaded adapters to the weights; otherwise the base is saved.
    package var mergesAdapters: Bool

    /// By default float32, shards of 5 GB, adapters merged.
    package init(element: SavedElement = .float32, shardByteLimit: Int = 5_000_000_000, mergesAdapters: Bool = true) {
        self.element = element
        self.shardByteLimit = shardByteLimit
        self.mergesAdapters = mergesAdapters
    }
}

extension LanguageModel {
    /// Writes config.json and the weights in Hugging Face's layout: one model.safetensors, or shards with their index.
    package func save(
        into directory: inout DurableDirectory, _ options: ModelSaveOptions = ModelSaveOptions(), team: ThreadTeam
    ) throws {
        let (configuration, entries) = saved(options)
        try directory.add("config.json", configuration.encoded(elementType: options.element.torchName).text)
        let tensors = entries.map { tensor($0, options, team) }
        let shards = Self.shards(entries, options)
        guard shards.count > 1 else {
            return try directory.add("model.safetensors") { try SafetensorsWriter.write(tensors, to: &$0) }
        }
        var map = JSONObject()
        for (index, shard) in shards.enumerated() {
            let name = "model-\(padded(index + 1))-of-\(padded(shards.count)).safetensors"
            try directory.add(name) { try SafetensorsWriter.write(Array(tensors[shard]), to: &$0) }
            for entry in entries[shard] { map[entry.name] = .string(name) }
        }
        let total = entries.reduce(0) { $0 + Self.byteCount($1, options) }
        let index = JSONValue.object([
            "metadata": .object(["total_size": .integer(total)]), "weight_map": .object(map),
        ])
        try directory.add("model.safetensors.index.json", index.text)
    }

    /// Writes the adapters in PEFT's layout. Does nothing for a model without.
    ///
    /// - Parameter base: what PEFT should load them onto: a folder or a model's name.
    package func saveAdapters(into directory: inout DurableDirectory, base: String) throws {
        guard let adapters else { return }
        try directory.add("adapter_config.json", adapters.settings.encoded(base: base).text)
        let tensors = adapters.parts.entries.compactMap { entry in
            adapters.store[entry.name].map { Self.tensor(entry, $0.elements, .float32) }
        }
        try directory.add("adapter_model.safetensors") { try SafetensorsWriter.write(tensors, to: &$0) }
    }

    /// What is written. Adapters that train embedding or head whole make two tensors of a tied one.
    private func saved(_ options: ModelSaveOptions) -> (ModelConfiguration, [WeightEntry]) {
        guard options.mergesAdapters, configuration.tiesEmbeddings, adapters?.untiesHead == true else {
            return (configuration, weights.entries)
        }
        var untied = configuration
        untied.tiesEmbeddings = false
        return (untied, WeightTable.entries(of: untied))
    }

    /// A tensor to write, its adapter merged on the way where there is one.
    private func tensor(_ entry: WeightEntry, _ options: ModelSaveOptions, _ team: ThreadTeam) -> TensorToWrite {
        if options.mergesAdapters, let replacement = adapters?.replacement(of: entry.role) {
            return Self.tensor(entry, replacement.elements, options.element)
        }
        guard let weight = (weights[entry.role] ?? (entry.role == .head ? weights[.embedding] : nil))?.elements else {
            preconditionFailure("the weight table lists no \(entry.name)")
        }
        guard options.mergesAdapters, let adapter = adapters?.adapter(of: entry.role) else {
            return Self.tensor(entry, weight, options.element)
        }
        return TensorToWrite(name: entry.name, dataType: options.element.dataType, shape: entry.shape) { file in
            let arena = try Arena(byteCount: entry.count * MemoryLayout<Real>.stride + Arena.alignment)
            let merged = arena.matrix(entry.rows, entry.columns)
            mergeAdapter(adapter, weight: weight, into: merged, team: team)
            try write(.full(merged), options.element, to: &file)
        }
    }

    private static func tensor(_ entry: WeightEntry, _ weight: WeightMatrix, _ element: SavedElement) -> TensorToWrite {
        TensorToWrite(name: entry.name, dataType: element.dataType, shape: entry.shape) { file in
            try write(weight, element, to: &file)
        }
    }

    /// Runs of entries that fill one shard each; an entry larger than the limit has its own.
    private static func shards(_ entries: [WeightEntry], _ options: ModelSaveOptions) -> [Range<Int>] {
        var shards: [Range<Int>] = []
        var start = 0
        var bytes = 0
        for (index, entry) in entries.enumerated() {
            let size = byteCount(entry, options)
            if bytes + size > options.shardByteLimit && index > start {
                shards.append(start..<index)
                (start, bytes) = (index, 0)
            }
            bytes += size
        }
        return shards + [start..<entries.count]
    }

    private static func byteCount(_ entry: WeightEntry, _ options: ModelSaveOptions) -> Int {
        entry.count * options.element.dataType.byteWidth
    }
}

private func padded(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
}

/// The elements of a weight, rounded to the saved type, in pieces.
private func write(_ weight: WeightMatrix, _ element: SavedElement, to file: inout HashingFile) throws {
    #if !DoublePrecision
        if element == .float32, case .full(let matrix) = weight, matrix.isContiguous {
            return try file.write(UnsafeRawBufferPointer(start: matrix.base, count: matrix.count * 4))
        }
    #endif
    let piece = max(1, (1 << 16) / max(1, weight.columns))
    let arena = try Arena(byteCount: piece * weight.columns * MemoryLayout<Real>.stride + Arena.alignment)
    let block = arena.matrix(piece, weight.columns)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(block.count * 4)
    for start in stride(from: 0, to: weight.rows, by: piece) {
        let rows = start..<min(start + piece, weight.rows)
        let part = block.rows(0..<rows.count)
        weight.rows(rows).copy(into: part)
        bytes.removeAll(keepingCapacity: true)
        for index in 0..<part.count { element.append(Float(part.base[index]), to: &bytes) }
        try file.write(bytes)
    }
}
