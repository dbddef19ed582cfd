/// The shape of a set of LoRA adapters, as PEFT describes it.
package struct AdapterSettings: Sendable, Equatable {
    /// Which linears get an adapter.
    package enum Targets: Sendable, Equatable {
        /// Every linear of every layer (`all-linear`); the head is none of them.
        case allLinear
        /// Linears whose name is one of these or ends with one after a dot: "q_proj", "layers.0.mlp.down_proj".
        case named([String])
        /// Linears whose whole name this regular expression matches: ".*\.(q|v)_proj".
        case expression(String)
    }

    /// Inner size of every adapter without a rank of its own.
    package var rank: Int
    /// Numerator of the scale of every adapter without an alpha of its own.
    package var alpha: Double
    /// On the adapters' input, during training.
    package var dropout: Double
    /// Which linears are adapted.
    package var targets: Targets
    /// Targets that get none after all (`exclude_modules`): `named` or an `expression`; nil for no exception.
    package var exclusions: Targets?
    /// Adapt only these layers (`layers_to_transform`); nil for all. A target that is a whole name is not restricted.
    package var layers: [Int]?
    /// Scale alpha / √rank instead of alpha / rank.
    package var isRankStabilized: Bool
    /// Other ranks, by expressions that a linear's name, or its end after a dot, has to match. Of several the first in
    /// the order of their text counts, which is the order PEFT writes them in.
    package var rankPattern: [String: Int]
    /// Other alphas, chosen in the same way.
    package var alphaPattern: [String: Double]
    /// Modules that are trained and saved whole beside the adapters: names, or ends of names, of linears, norms, the
    /// embedding or the head, or of a block of them.
    package var modulesToSave: [String]

    /// Settings made in code; nothing is checked until a model takes them.
    package init(
        rank: Int, alpha: Double, dropout: Double = 0, targets: Targets = .allLinear,
        exclusions: Targets? = nil, layers: [Int]? = nil,
        isRankStabilized: Bool = false, rankPattern: [String: Int] = [:], alphaPattern: [String: Double] = [:],
        modulesToSave: [String] = []
    ) {
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.targets = targets
        self.exclusions = exclusions
        self.layers = layers
        self.isRankStabilized = isRankStabilized
        self.rankPattern = rankPattern
        self.alphaPattern = alphaPattern
        self.modulesToSave = modulesToSave
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

/// What a set of adapters adds to a model.
struct AdapterParts: Sendable {
    let bindings: [AdapterBinding]
    /// Tensors of the modules that are trained whole, under the names that adapter files give them.
    let saved: [WeightEntry]

    static let none = AdapterParts(bindings: [], saved: [])

    /// The tensors in the order of the parameter store: for every group of linears its A matrices, then its B
    /// matrices; at the end the whole modules.
    var entries: [WeightEntry] {
        var entries: [WeightEntry] = []
        for layer in Set(bindings.map(\.layer)).sorted() {
            for group in LayerRole.linearGroups {
                let members = bindings.filter { $0.layer == layer && group.contains($0.linear) }
                entries += members.map(\.down) + members.map(\.up)
            }
        }
        return entries + saved
    }
}

extension LayerRole {
    /// The linears of a layer, grouped by the input they share: the A matrices of a group are one product.
    package static let linearGroups: [[LayerRole]] = [[.query, .key, .value], [.output], [.gate, .up], [.down]]
    static let linears: Set<LayerRole> = Set(linearGroups.flatMap { $0 })
}
