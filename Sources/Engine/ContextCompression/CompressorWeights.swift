internal import Compute
package import Safetensors
package import Transformer

/// The tensors that a compressor adds to its base: LoRA matrices of the encoder, what aligns, memory tokens and a
/// learned prompt, in one store, which may be shared with a decoder that is trained too.
///
/// Names are those of the published implementation: `encoder.` before PEFT's names, `lsa.` before the layers' own.
package final class CompressorWeights {
    /// The parts, each a file of its own without the prefix.
    package enum Part: String, Sendable, CaseIterable {
        case encoder = "encoder."
        case alignment = "lsa."
        /// Embeddings of its own: memory tokens, the learned prompt.
        case inputs = "inputs."
    }

    /// What they belong to.
    package let settings: CompressorSettings
    /// All of them; gradients only when they are trained.
    package let store: ParameterStore

    private let base: LanguageModel

    /// Tensors for the base's shape: all zero but alignment layers and their norm, which are copies of the base's.
    ///
    /// - Parameter shared: a store with `entries(_:of:)` among others; one of its own when left out.
    init(_ settings: CompressorSettings, _ base: LanguageModel, sharing shared: ParameterStore?, trained: Bool) throws {
        try settings.check(layerCount: base.configuration.layerCount)
        self.settings = settings
        self.base = base
        store = try shared ?? ParameterStore(Self.entries(settings, of: base.configuration), trained: trained)
        copyAlignment(from: WeightTable.entries(of: base.configuration))
    }

    /// The tensors of a compressor for models of one configuration.
    package static func entries(
        _ settings: CompressorSettings, of configuration: ModelConfiguration
    ) -> [WeightEntry] {
        let weights = WeightTable.entries(of: configuration)
        return adapterEntries(weights, settings) + alignmentEntries(weights, settings)
            + linearEntries(settings, width: configuration.hiddenSize)
            + inputEntries(settings, width: configuration.hiddenSize)
    }

    /// Draws everything that is not a copy: adapters so that the encoder starts as its base, random alignment,
    /// memory tokens from N(0, 1), the learned prompt as small as the base's own embeddings were.
    package func draw(seed: UInt64) {
        drawAdapters(seed: seed)
        let range = base.configuration.initializerRange
        for (index, entry) in ownEntries.enumerated() {
            let (values, stream) = (
                store.parameter(entry).value, RandomStream(seed: seed, stream: 1 << 32 | UInt64(index))
            )
            switch entry.name {
            case Self.memoryName: fill(values) { stream.normal($0) }
            case Self.promptName: fill(values) { range * stream.normal($0) }
            case Self.linearName, Self.linearBiasName:
                let bound = 1 / Double(base.configuration.hiddenSize).squareRoot()
                fill(values) { bound * (2 * stream.uniform($0) - 1) }
            default:
                guard settings.alignmentStart == .random, entry.name.hasPrefix(Self.alignedLayers) else { continue }
                let isNorm = entry.name.contains("norm")
                fill(values) { isNorm ? 1 : entry.decays ? range * stream.normal($0) : 0 }
            }
        }
    }

    /// Draws the adapters anew: A uniform in ±1/√inputs, B zero, so that the encoder starts as its base.
    package func drawAdapters(seed: UInt64) {
        // A decoder's adapters may live in the same store, and are its own.
        for (index, entry) in entries(of: .encoder).filter({ $0.name.hasSuffix(Self.downSuffix) }).enumerated() {
            let (matrix, bound) = (store.parameter(entry).value, 1 / Double(entry.columns).squareRoot())
            let stream = RandomStream(seed: seed, stream: UInt64(index))
            fill(matrix) { bound * (2 * stream.uniform($0) - 1) }
        }
    }

    private func fill(_ matrix: Matrix, _ value: (UInt64) -> Double) {
        for element in 0..<matrix.count { matrix.base[element] = Real(value(UInt64(element))) }
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

    /// The entries that are the compressor's: a decoder that is trained too may share the store.
    private var ownEntries: [ParameterStore.Entry] {
        store.entries.filter { entry in Part.allCases.contains { entry.name.hasPrefix($0.rawValue) } }
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

    /// Rows that are read after a context; nil for merging by mean.
    var memory: Parameter? { store[Self.memoryName] }

    /// The embedding that asks the decoder to restate; nil where words do.
    package var prompt: Parameter? { store[Self.promptName] }

    /// The linear map of merged states; nil for other kinds of alignment.
    var linear: LinearGroup? {
        store[Self.linearName].map { LinearGroup([LinearGroup.Member(weight: $0, bias: store[Self.linearBiasName])]) }
    }

    private static let memoryName = "inputs.memory_tokens"
    private static let promptName = "inputs.prompt"
    private static let linearName = "lsa.linear.weight"
    private static let linearBiasName = "lsa.linear.bias"
    private static let alignedLayers = "lsa.layers."
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

    // These tensors have no place in a model of the table; the role says what they are like.

    private static func linearEntries(_ settings: CompressorSettings, width: Int) -> [WeightEntry] {
        guard settings.alignment == .linear else { return [] }
        return [
            WeightEntry(name: linearName, role: .layer(0, .output), rows: width, columns: width, isMatrix: true),
            WeightEntry(name: linearBiasName, role: .layer(0, .outputBias), rows: 1, columns: width, isMatrix: false),
        ]
    }

    private static func inputEntries(_ settings: CompressorSettings, width: Int) -> [WeightEntry] {
        func table(_ name: String, _ rows: Int) -> [WeightEntry] {
            rows == 0
                ? [] : [WeightEntry(name: name, role: .embedding, rows: rows, columns: width, isMatrix: true)]
        }
        return table(memoryName, settings.merge == .memoryTokens ? settings.memoryTokenCount : 0)
            + table(promptName, settings.hasLearnedPrompt ? 1 : 0)
    }

    private static func isAligned(_ role: WeightRole, _ settings: CompressorSettings) -> Bool {
        switch role {
        case .layer(let layer, _): layer < settings.stackedLayers
        case .finalNorm: settings.alignment == .layers && settings.alignmentNorm == .trained
        default: false
        }
    }

    private func copyAlignment(from weights: [WeightEntry]) {
        for weight in weights where Self.isAligned(weight.role, settings) {
            guard let source = base.weights[weight.role], let target = store[Self.alignmentName(weight)] else {
                continue
            }
            source.elements.copy(into: target.value)
        }
    }
}

extension LanguageModel {
    /// The entry of a tensor in a place.
    fileprivate func weight(_ role: WeightRole) -> WeightEntry? { weights.entries.first { $0.role == role } }
}
