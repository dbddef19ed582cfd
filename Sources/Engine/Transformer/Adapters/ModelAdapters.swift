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

    var file: String {
        if case .loaded(let folder, _) = self { folder.path + "/adapter_config.json" } else { "adapter settings" }
    }

    var isTrained: Bool {
        switch self {
        case .none: false
        case .fresh: true
        case .loaded(_, let trained): trained
        }
    }
}

/// The adapters of one model and where their tensors are.
package struct ModelAdapters {
    /// Ranks, scales, targets.
    package let settings: AdapterSettings
    let bindings: [AdapterBinding]
    /// The model's parameter store, or one of their own when they are frozen.
    let store: ParameterStore

    /// The adapter beside one linear, or nil.
    func adapter(layer: Int, _ linear: LayerRole) -> LowRankAdapter? {
        guard let binding = bindings.first(where: { $0.layer == layer && $0.linear == linear }),
            let down = store[binding.down.name], let up = store[binding.up.name]
        else { return nil }
        return LowRankAdapter(down: down, up: up, scale: Real(binding.scale))
    }

    /// The adapter beside the linear of a weight, or nil.
    func adapter(of role: WeightRole) -> LowRankAdapter? {
        guard case .layer(let layer, let linear) = role else { return nil }
        return adapter(layer: layer, linear)
    }

    /// Draws fresh matrices A.
    func draw(seed: UInt64) {
        for (index, binding) in bindings.enumerated() {
            guard let down = store[binding.down.name]?.value else { continue }
            let bound = 1 / Double(binding.down.columns).squareRoot()
            let stream = RandomStream(seed: seed, stream: UInt64(index))
            for element in 0..<down.count {
                down.base[element] = Real(bound * (2 * stream.uniform(UInt64(element)) - 1))
            }
        }
    }
}

/// W + scale · B A: the weight that does in one product what linear and adapter do in two.
///
/// - Parameter merged: like `weight`, overwritten.
func mergeAdapter(_ adapter: LowRankAdapter, weight: Matrix, into merged: Matrix, team: ThreadTeam) {
    merged.copy(from: weight)
    multiply(
        adapter.up.value.n, adapter.down.value.n, into: merged, accumulate: true, scale: adapter.scale, team: team)
}
