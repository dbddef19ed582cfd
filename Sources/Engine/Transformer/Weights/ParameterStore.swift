package import Compute

/// All trained parameters of a model in one flat block, and their gradients in another of the same layout.
///
/// Zeroing, clipping, the optimizer, checkpoints and sums over machines are each one loop over a block. Matrices come
/// first, then vectors, each in the order of the weight table, so weight decay applies to one leading range and tensors
/// that are multiplied together (q, k, v; gate, up) lie side by side.
package final class ParameterStore {
    /// One tensor of the store.
    package struct Entry: Sendable, Equatable {
        /// The name it is saved under.
        package let name: String
        /// Its elements in the blocks.
        package let range: Range<Int>
        /// 1 for a vector.
        package let rows: Int
        /// Elements of a row.
        package let columns: Int
        /// Whether weight decay applies: to matrices (embeddings and LoRA included), not to norm weights and biases.
        package let decays: Bool

        /// The shape it is saved with.
        package var shape: [Int] { decays ? [rows, columns] : [columns] }
    }

    /// In the order of the blocks.
    package let entries: [Entry]
    /// 1 × count.
    package let values: Matrix
    /// 1 × count; nil when the parameters are only read (a frozen adapter).
    package let gradients: Matrix?
    /// The elements that weight decay applies to.
    package let decayingRange: Range<Int>

    private let arena: Arena
    private let positions: [String: Int]

    /// A store of zeros for `tensors`.
    package init(_ tensors: [WeightEntry], trained: Bool = true) throws(ComputeError) {
        var entries: [Entry] = []
        var start = 0
        for tensor in tensors.filter(\.isMatrix) + tensors.filter({ !$0.isMatrix }) {
            let end = start + tensor.rows * tensor.columns
            entries.append(
                Entry(
                    name: tensor.name, range: start..<end, rows: tensor.rows, columns: tensor.columns,
                    decays: tensor.isMatrix))
            start = end
        }
        self.entries = entries
        let blocks = trained ? 2 : 1
        arena = try Arena(byteCount: blocks * (start * MemoryLayout<Real>.stride + Arena.alignment) + Arena.alignment)
        values = arena.matrix(1, start)
        gradients = trained ? arena.matrix(1, start) : nil
        decayingRange = 0..<(entries.last(where: \.decays)?.range.upperBound ?? 0)
        positions = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
    }

    /// Number of parameters.
    package var count: Int { values.columns }

    /// Memory of the values and gradients in bytes.
    package var byteCount: Int { arena.used }

    /// The windows of one tensor, or nil when the store does not have it.
    package subscript(name: String) -> Parameter? {
        positions[name].map { parameter(entries[$0]) }
    }

    /// The windows of one entry.
    package func parameter(_ entry: Entry) -> Parameter {
        func window(_ block: Matrix) -> Matrix {
            Matrix(base: block.base + entry.range.lowerBound, rows: entry.rows, columns: entry.columns)
        }
        return Parameter(value: window(values), gradient: gradients.map(window))
    }

    /// Sets every gradient to zero.
    package func zeroGradients(_ team: ThreadTeam) {
        guard let gradients else { return }
        team.parallel(gradients.count, grain: 1 << 16) { gradients.columns($0).fill(0) }
    }
}
