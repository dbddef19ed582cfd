/// Low-rank adapters beside frozen linears.
package struct AdapterSettings: Sendable, Hashable {
    /// Rank of the two factors.
    package var rank = 16
    /// The product is scaled by alpha / rank (alpha / sqrt(rank) with `rslora`).
    package var alpha = 32.0
    /// Dropout on the adapter's input.
    package var dropout = 0.0
    /// Which linears get one.
    package var targets = AdapterTargets.all
    /// Only the linears of these layers; nil for all.
    package var layers: [Int]?
    /// Rank-stabilised scaling.
    package var rslora = false
    /// Other ranks, by expressions over the names of linears.
    package var rankPattern: [String: Int] = [:]
    /// Other alphas, by expressions over the names of linears.
    package var alphaPattern: [String: Double] = [:]
    /// Modules that are trained whole beside the adapters.
    package var modulesToSave: [String] = []
    /// Also publish the model with the adapter merged in.
    package var merge = false
    /// An adapter to start from; its own settings then take the place of those above.
    package var start: InputReference?

    /// The defaults.
    package init() {}
}

/// Which linears get an adapter.
package enum AdapterTargets: Sendable, Hashable {
    /// Every linear of every block.
    case all
    /// These linears of every block, in the order of a block.
    case named([AdapterTarget])
    /// Those whose whole name matches a regular expression.
    case expression(String)
}

/// A linear of a transformer block, by its name in Hugging Face checkpoints.
package enum AdapterTarget: String, Sendable, Hashable, CaseIterable {
    case query = "q_proj"
    case key = "k_proj"
    case value = "v_proj"
    case output = "o_proj"
    case gate = "gate_proj"
    case up = "up_proj"
    case down = "down_proj"
}
