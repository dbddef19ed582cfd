internal import Compute
package import Safetensors
package import Transformer

/// The tensors that a compressor adds to its base: LoRA matrices of the encoder and the alignment layers, in one store.
///
/// Names are those of the published implementation: `encoder.` before PEFT's names, `lsa.` before the layers' own.
package final class CompressorWeights {
    /// The parts, each a file of its own without the prefix.
    package enum Part: String, Sendable, CaseIterable {
        case encoder = "encoder."
        case alignment = "lsa."
    }

    /// What they belong to.
    package let settings: CompressorSettings
    /// All of them; gradients only when they are trained.
    package let store: ParameterStore

    private let base: LanguageModel

    /// A store for the base's shape: matrices A and B zero, alignment layers copied from the base's first ones.
    init(_ settings: CompressorSettings, _ base: LanguageModel, trained: Bool) throws {
        try settings.check(layerCount: base.configuration.layerCount)
        self.settings = settings
        self.base = base
        let entries = WeightTable.entries(of: base.configuration)
        store = try ParameterStore(
            Self.adapterEntries(entries, settings) + Self.alignmentEntries(entries, settings), trained: trained)
        copyAlignment(from: entries)
    }

    /// Draws the adapters anew: A uniform in ±1/√inputs, B zero, so that the encoder starts as its base.
    package func drawAdapters(seed: UInt64) {
        for (index, entry) in store.entries.filter({ $0.name.hasSuffix(Self.downSuffix) }).enumerated() {
            let (matrix, bound) = (store.parameter(entry).value, 1 / Double(entry.columns).squareRoot())
            let stream = RandomStream(seed: seed, stream: UInt64(index))
            for element in 0..<matrix.count {
                matrix.base[element] = Real(bound * (2 * stream.uniform(UInt64(element)) - 1))
            }
        }
    }

    /// Reads one part, strictly: nothing missing, nothing unused, every shape as expected.
    package func load(_ part: Part, from files: WeightFiles) throws {
        let entries = entries(of: part)
        let names = entries.map { Self.name($0, in: part) }
        let missing = names.filter { !files.contains($0) }
        guard missing.isEmpty else { throw ModelError.missingTensors(file: files.path, names: missing) }
        let unused = files.names.filter { !names.contains($0) }
        guard unused.isEmpty else { throw ModelError.unusedTensors(file: files.path, names: unused) }
        for (entry, name) in zip(entries, names) {
            let tensor = try files.tensor(name)
            try tensor.requireShape(entry.shape)
            try tensor.copy(to: store.parameter(entry).value.base)
        }
    }

    /// The entries of one part, in the order of the store.
    package func entries(of part: Part) -> [ParameterStore.Entry] {
        store.entries.filter { $0.name.hasPrefix(part.rawValue) }
    }

    /// The name of an entry in the file of its part.
    package static func name(_ entry: ParameterStore.Entry, in part: Part) -> String {
        String(entry.name.dropFirst(part.rawValue.count))
    }
}

// MARK: - Places

extension CompressorWeights {
    /// The adapter beside one linear of the encoder.
    func adapter(_ layer: Int, _ linear: LayerRole) -> LowRankAdapter? {
        guard let weight = base.weight(.layer(layer, linear)),
            let down = store[Self.adapterName(weight) + Self.downSuffix],
            let up = store[Self.adapterName(weight) + Self.upSuffix]
        else { return nil }
        return LowRankAdapter(down: down, up: up, scale: Real(settings.adapterScale))
    }

    /// One tensor of an alignment layer, or the alignment's own norm; nil for one that does not exist.
    func alignment(_ role: WeightRole) -> Parameter? {
        base.weight(role).flatMap { store[Self.alignmentName($0)] }
    }

    private static let downSuffix = ".lora_A.weight"
    private static let upSuffix = ".lora_B.weight"

    /// PEFT's name of an adapter, without the name of the matrix.
    private static func adapterName(_ weight: WeightEntry) -> String {
        "encoder.base_model.model." + weight.name.dropLast(".weight".count)
    }

    private static func alignmentName(_ weight: WeightEntry) -> String {
        "lsa." + weight.name.dropFirst("model.".count)
    }

    /// For every group of linears its A matrices, then its B matrices: those that share an input are one product.
    private static func adapterEntries(_ weights: [WeightEntry], _ settings: CompressorSettings) -> [WeightEntry] {
        var entries: [WeightEntry] = []
        for layer in 0..<settings.encoderLayers {
            for group in LayerRole.linearGroups {
                let linears = group.compactMap { linear in
                    weights.first { $0.role == .layer(layer, linear) }.map { ($0, linear) }
                }
                entries += linears.map { weight, linear in
                    WeightEntry(
                        name: adapterName(weight) + downSuffix, role: .adapterDown(layer, linear),
                        rows: settings.adapterRank, columns: weight.columns, isMatrix: true)
                }
                entries += linears.map { weight, linear in
                    WeightEntry(
                        name: adapterName(weight) + upSuffix, role: .adapterUp(layer, linear), rows: weight.rows,
                        columns: settings.adapterRank, isMatrix: true)
                }
            }
        }
        return entries
    }

    private static func alignmentEntries(_ weights: [WeightEntry], _ settings: CompressorSettings) -> [WeightEntry] {
        weights.filter { isAligned($0.role, settings) }.map { weight in
            WeightEntry(
                name: alignmentName(weight), role: weight.role, rows: weight.rows, columns: weight.columns,
                isMatrix: weight.isMatrix)
        }
    }

    private static func isAligned(_ role: WeightRole, _ settings: CompressorSettings) -> Bool {
        switch role {
        case .layer(let layer, _): layer < settings.alignmentLayers
        case .finalNorm: settings.alignmentNorm == .trained
        default: false
        }
    }

    private func copyAlignment(from weights: [WeightEntry]) {
        for weight in weights where Self.isAligned(weight.role, settings) {
            guard let source = base.weights[weight.role], let target = store[Self.alignmentName(weight)] else {
                continue
            }
            target.value.copy(from: source.value)
        }
    }
}

extension LanguageModel {
    /// The entry of a tensor in a place.
    fileprivate func weight(_ role: WeightRole) -> WeightEntry? { weights.entries.first { $0.role == role } }
}
