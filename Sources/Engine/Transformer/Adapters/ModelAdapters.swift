internal import Compute

/// Which adapters a model gets when it is made.
package enum AdapterPlan {
    case none
    /// New ones to train: A uniform in ±1/√inputs, B zero, so that the model starts as its base.
    case fresh(AdapterSettings, seed: UInt64)
    /// From a folder of PEFT, to train further or frozen.
    case loaded(AdapterFolder, trained: Bool)

    var settings: AdapterSettings? {
        switch self {
        case .none: nil
        case .fresh(let settings, _): settings
        case .loaded(let folder, _): folder.settings
        }
    }

    var isTrained: Bool {
        switch self {
        case .none: false
        case .fresh: true
        case .loaded(_, let trained): trained
        }
    }

    /// What the adapters add to a model.
    func parts(for configuration: ModelConfiguration) throws(ModelError) -> AdapterParts {
        guard let settings else { return .none }
        if case .loaded(let folder, _) = self {
            let file = folder.path + "/adapter_config.json"
            return try AdapterModules(settings, for: configuration, file: file).parts(isStrict: false)
        }
        return try AdapterModules(settings, for: configuration, file: "adapter settings").parts(isStrict: true)
    }
}

/// The adapters of one model and where their tensors are.
package struct ModelAdapters {
    /// Ranks, scales, targets.
    package let settings: AdapterSettings
    let parts: AdapterParts
    /// The model's parameter store, or one of their own when they are frozen.
    let store: ParameterStore

    /// Whether modules are trained whole. Then a pass with adapters off is not the base model: the modules have taken
    /// their places in it.
    package var replacesModules: Bool { !parts.saved.isEmpty }

    /// The adapter beside one linear, or nil.
    func adapter(layer: Int, _ linear: LayerRole) -> LowRankAdapter? {
        guard let binding = parts.bindings.first(where: { $0.layer == layer && $0.linear == linear }),
            let down = store[binding.down.name], let up = store[binding.up.name]
        else { return nil }
        return LowRankAdapter(down: down, up: up, scale: Real(binding.scale))
    }

    /// The adapter beside the linear of a weight, or nil.
    func adapter(of role: WeightRole) -> LowRankAdapter? {
        guard case .layer(let layer, let linear) = role else { return nil }
        return adapter(layer: layer, linear)
    }

    /// What the adapters of a group of linears need in the layer that needs most. Blocks share memory, and ranks can
    /// differ from layer to layer.
    func room(ofGroup index: Int) -> AdapterRoom {
        var ranks: [Int: Int] = [:]
        for binding in parts.bindings where LayerRole.linearGroups[index].contains(binding.linear) {
            ranks[binding.layer, default: 0] += binding.down.rows
        }
        let widest = ranks.values.max() ?? 0
        return AdapterRoom(rank: widest, dropsInput: widest > 0 && settings.dropout > 0)
    }

    /// The tensor that takes the place of the base's, or nil.
    func replacement(of role: WeightRole) -> Parameter? {
        parts.saved.first { $0.role == role }.flatMap { store[$0.name] }
    }

    /// Whether embedding and head, one tensor in the base, are two here.
    var untiesHead: Bool { replacement(of: .embedding) != nil || replacement(of: .head) != nil }

    /// Draws fresh matrices A; whole modules start as the base's.
    func start(from base: ModelWeights, seed: UInt64) {
        for (index, binding) in parts.bindings.enumerated() {
            guard let down = store[binding.down.name]?.value else { continue }
            let bound = 1 / Double(binding.down.columns).squareRoot()
            let stream = RandomStream(seed: seed, stream: UInt64(index))
            for element in 0..<down.count {
                down.base[element] = Real(bound * (2 * stream.uniform(UInt64(element)) - 1))
            }
        }
        for entry in parts.saved {
            let original = base[entry.role] ?? (entry.role == .head ? base[.embedding] : nil)
            if let original { store[entry.name].map { original.elements.copy(into: $0.value) } }
        }
    }
}

/// W + scale · B A: the weight that does in one product what linear and adapter do in two.
///
/// - Parameter merged: like `weight`, overwritten.
func mergeAdapter(_ adapter: LowRankAdapter, weight: WeightMatrix, into merged: Matrix, team: ThreadTeam) {
    weight.copy(into: merged)
    multiply(
        adapter.up.value.n, adapter.down.value.n, into: merged, accumulate: true, scale: adapter.scale, team: team)
}
