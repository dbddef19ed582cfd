/// The shape of a set of LoRA adapters, as PEFT describes it.
package struct AdapterSettings: Sendable, Equatable {
    /// Which linears get an adapter.
    package enum Targets: Sendable, Equatable {
        /// Every linear of every layer (`all-linear`); the head is none of them.
        case allLinear
        /// Linears whose name is one of these or ends with one after a dot: "q_proj", "layers.0.mlp.down_proj".
        case named([String])
    }

    /// Inner size of every adapter without a rank of its own.
    package var rank: Int
    /// Numerator of the scale of every adapter without an alpha of its own.
    package var alpha: Double
    /// On the adapters' input, during training.
    package var dropout: Double
    /// Which linears are adapted.
    package var targets: Targets
    /// Scale alpha / √rank instead of alpha / rank.
    package var isRankStabilized: Bool
    /// Other ranks for linears by name, matched as targets are.
    package var rankPattern: [String: Int]
    /// Other alphas for linears by name.
    package var alphaPattern: [String: Double]

    /// Settings made in code; nothing is checked until a model takes them.
    package init(
        rank: Int, alpha: Double, dropout: Double = 0, targets: Targets = .allLinear, isRankStabilized: Bool = false,
        rankPattern: [String: Int] = [:], alphaPattern: [String: Double] = [:]
    ) {
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.targets = targets
        self.isRankStabilized = isRankStabilized
        self.rankPattern = rankPattern
        self.alphaPattern = alphaPattern
    }

    /// Rank of the adapter of one linear.
    func rank(of module: String) -> Int { Self.match(rankPattern, module) ?? rank }

    /// Factor on the adapter's output.
    func scale(of module: String) -> Double {
        let (rank, alpha) = (Double(rank(of: module)), Self.match(alphaPattern, module) ?? alpha)
        return isRankStabilized ? alpha / rank.squareRoot() : alpha / rank
    }

    func isTarget(_ module: String) -> Bool {
        switch targets {
        case .allLinear: true
        case .named(let names): names.contains { Self.names($0, module) }
        }
    }

    /// Whether `name` is the module or the end of its path.
    static func names(_ name: String, _ module: String) -> Bool {
        module == name || module.hasSuffix("." + name)
    }

    private static func match<Value>(_ pattern: [String: Value], _ module: String) -> Value? {
        // Longest first, so that a more exact name wins whatever the order in the file.
        let keys = pattern.keys.sorted { ($0.utf8.count, $0) > ($1.utf8.count, $1) }
        return keys.first { names($0, module) }.flatMap { pattern[$0] }
    }
}

/// One adapted linear of a model: its place, its two tensors and its scale.
struct AdapterBinding: Sendable {
    let layer: Int
    let linear: LayerRole
    let module: String
    let down: WeightEntry
    let up: WeightEntry
    let scale: Double
}

extension AdapterSettings {
    /// The linears of `configuration` that these settings adapt, in the order of the layers.
    ///
    /// - Throws: `ModelError` when a target names no linear, or nothing is adapted.
    func bindings(for configuration: ModelConfiguration, file: String) throws(ModelError) -> [AdapterBinding] {
        let table = WeightTable.table(of: configuration.family)
        let linears = table.layer.filter { LayerRole.linears.contains($0.role) }
        try checkTargets(linears, table, configuration, file: file)
        var bindings: [AdapterBinding] = []
        for layer in 0..<configuration.layerCount {
            for linear in linears {
                let module = Self.module(table.layerPrefix(layer) + linear.name)
                guard isTarget(module) else { continue }
                bindings.append(binding(layer, linear.role, module, shape: linear.shape(configuration)))
            }
        }
        guard !bindings.isEmpty else {
            throw .incompatibleAdapter(file: file, reason: "no linear of the model is a target")
        }
        return bindings
    }

    /// Every named target must name a linear.
    private func checkTargets(
        _ linears: [WeightBinding], _ table: WeightTable, _ configuration: ModelConfiguration, file: String
    ) throws(ModelError) {
        guard case .named(let names) = targets else { return }
        let modules = (0..<configuration.layerCount).flatMap { layer in
            linears.map { Self.module(table.layerPrefix(layer) + $0.name) }
        }
        for name in names where !modules.contains(where: { Self.names(name, $0) }) {
            throw .unknownAdapterTarget(file: file, target: name, known: table.linearNames)
        }
    }

    private func binding(_ layer: Int, _ linear: LayerRole, _ module: String, shape: [Int]) -> AdapterBinding {
        let rank = rank(of: module)
        let prefix = "base_model.model." + module
        return AdapterBinding(
            layer: layer, linear: linear, module: module,
            down: WeightEntry(
                name: prefix + ".lora_A.weight", role: .adapterDown(layer, linear), rows: rank, columns: shape[1],
                isMatrix: true),
            up: WeightEntry(
                name: prefix + ".lora_B.weight", role: .adapterUp(layer, linear), rows: shape[0], columns: rank,
                isMatrix: true),
            scale: scale(of: module))
    }

    fileprivate static func module(_ weight: String) -> String { String(weight.dropLast(".weight".count)) }
}

extension WeightTable {
    /// Last parts of the names of the linears: "q_proj", …
    var linearNames: [String] {
        layer.filter { LayerRole.linears.contains($0.role) }
            .compactMap { AdapterSettings.module($0.name).split(separator: ".").last.map(String.init) }
    }
}

extension LayerRole {
    /// The linears of a layer, grouped by the input they share: the A matrices of a group are one product.
    static let linearGroups: [[LayerRole]] = [[.query, .key, .value], [.output], [.gate, .up], [.down]]
    static let linears: Set<LayerRole> = Set(linearGroups.flatMap { $0 })
}

extension [AdapterBinding] {
    /// The tensors in the order of the parameter store: for every group of linears its A matrices, then its B matrices.
    var entries: [WeightEntry] {
        var entries: [WeightEntry] = []
        for layer in Set(map(\.layer)).sorted() {
            for group in LayerRole.linearGroups {
                let members = filter { $0.layer == layer && group.contains($0.linear) }
                entries += members.map(\.down) + members.map(\.up)
            }
        }
        return entries
    }
}
