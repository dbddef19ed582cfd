package import Compute
package import Safetensors

/// Where the weights of a model come from.
package enum WeightSource {
    /// An opened checkpoint.
    case files(WeightFiles)
    /// Drawn from N(0, initializer range); norms 1, biases 0. A pure function of the seed.
    case random(seed: UInt64)
}

/// Which of a model's own tensors are trained.
package struct TrainedTensors: Sendable {
    let includes: @Sendable (WeightEntry) -> Bool

    /// The tensors for which `includes` is true.
    package init(_ includes: @escaping @Sendable (WeightEntry) -> Bool) {
        self.includes = includes
    }

    /// Full training.
    package static let all = TrainedTensors { _ in true }
    /// A frozen base: adapters only, a reference, inference.
    package static let none = TrainedTensors { _ in false }
}

/// The tensors of a model by their place: trained ones in the parameter store, frozen ones mapped from their file where
/// their element type is the engine's, or bfloat16 and the team multiplies in it; converted once where it is not.
///
/// How a frozen weight is held is decided here and nowhere else.
package final class ModelWeights {
    /// All tensors of the model itself, in the order of the weight table.
    package let entries: [WeightEntry]
    /// Trained tensors, adapters included; nil when there are none.
    package let store: ParameterStore?
    /// Bytes of frozen weights that had to be converted or copied rather than mapped.
    package let convertedByteCount: Int

    private let parameters: [WeightRole: Parameter]
    // Keep the memory behind `parameters` alive.
    private let files: WeightFiles?
    private let converted: Arena?

    /// Resolves every tensor of `configuration`, strictly: nothing missing, nothing unused, every shape as expected.
    ///
    /// - Parameters:
    ///   - further: trained tensors beside the model's own (adapters, a compressor), zero at first, in the same store.
    package init(
        _ configuration: ModelConfiguration, from source: WeightSource, trained: TrainedTensors,
        further: [WeightEntry] = [], team: ThreadTeam
    ) throws {
        let entries = WeightTable.entries(of: configuration)
        let own = entries.filter(trained.includes)
        let store = own.isEmpty && further.isEmpty ? nil : try ParameterStore(own + further)
        var parameters: [WeightRole: Parameter] = [:]
        for entry in own { parameters[entry.role] = store?[entry.name] }
        let frozen = entries.filter { parameters[$0.role] == nil }

        switch source {
        case .files(let files):
            let checkpoint = try CheckedCheckpoint(files, configuration, entries)
            for entry in own {
                if let target = parameters[entry.role] { try checkpoint.tensor(entry).copy(to: target.value.base) }
            }
            let foreign = try frozen.filter { sharedWindow($0, try checkpoint.tensor($0), team.products) == nil }
            converted = try Self.arena(for: foreign)
            for entry in frozen {
                let elements = try Self.freeze(entry, checkpoint.tensor(entry), converted, team.products)
                parameters[entry.role] = Parameter(elements: elements)
            }
            // What was copied need not stay mapped: in full training the file's pages would count as resident memory.
            self.files = frozen.isEmpty ? nil : files
        case .random(let seed):
            files = nil
            converted = try Self.arena(for: frozen)
            for (index, entry) in entries.enumerated() {
                let fresh = parameters[entry.role] == nil ? converted.map { window(entry, in: $0) } : nil
                guard let parameter = parameters[entry.role] ?? fresh.map({ Parameter(value: $0) }) else { continue }
                let stream = RandomStream(seed: seed, stream: UInt64(index))
                draw(entry, parameter.value, range: configuration.initializerRange, stream, team)
                parameters[entry.role] = parameter
            }
        }
        convertedByteCount = converted?.used ?? 0
        self.entries = entries
        self.store = store
        self.parameters = parameters
    }

    /// The windows of a tensor; nil for one that this configuration does not have.
    package subscript(role: WeightRole) -> Parameter? { parameters[role] }

    /// Mapped where possible, else converted into the arena.
    private static func freeze(
        _ entry: WeightEntry, _ tensor: TensorView, _ converted: Arena?, _ products: ProductPrecision
    ) throws -> WeightMatrix {
        if let shared = sharedWindow(entry, tensor, products) { return shared }
        guard let converted else { preconditionFailure("no room was made for \(entry.name)") }
        let matrix = window(entry, in: converted)
        try tensor.copy(to: matrix.base)
        return .full(matrix)
    }

    private static func arena(for entries: [WeightEntry]) throws -> Arena? {
        guard !entries.isEmpty else { return nil }
        let bytes = entries.reduce(0) { $0 + $1.count * MemoryLayout<Real>.stride + Arena.alignment }
        return try Arena(byteCount: bytes)
    }
}

private func window(_ entry: WeightEntry, in arena: Arena) -> Matrix { arena.matrix(entry.rows, entry.columns) }

/// The tensor's own memory when it holds the engine's number type, or a matrix in the type of the team's products.
private func sharedWindow(
    _ entry: WeightEntry, _ tensor: TensorView, _ products: ProductPrecision
) -> WeightMatrix? {
    if products == .bfloat16, entry.isMatrix, let narrow = tensor.sharedBrainFloats?.baseAddress {
        return .narrow(NarrowMatrix(base: narrow, rows: entry.rows, columns: entry.columns))
    }
    #if DoublePrecision
        let shared = tensor.sharedDoubles
    #else
        let shared = tensor.sharedFloats
    #endif
    // Windows are mutable by type; frozen weights are never written.
    return shared?.baseAddress.map {
        .full(Matrix(base: UnsafeMutablePointer(mutating: $0), rows: entry.rows, columns: entry.columns))
    }
}

private func draw(
    _ entry: WeightEntry, _ matrix: Matrix, range: Double, _ stream: RandomStream, _ team: ThreadTeam
) {
    switch entry.role {
    case .finalNorm, .layer(_, .attentionNorm), .layer(_, .feedForwardNorm), .layer(_, .queryNorm), .layer(_, .keyNorm):
        matrix.fill(1)
    default:
        guard entry.isMatrix else { return matrix.fill(0) }
        team.parallel(matrix.count, grain: 1 << 12) { indices in
            for index in indices { matrix.base[index] = Real(range * stream.normal(UInt64(index))) }
        }
    }
}
