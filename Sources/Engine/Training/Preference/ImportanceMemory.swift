import Compute
import DurableFiles
package import JobModel
package import Safetensors

/// Token weights that outlive their step, where the specification does not ask for new ones every time.
///
/// A part of the run's state: a resumed run must weigh tokens as the uninterrupted one would.
package struct ImportanceMemory {
    private struct Entry {
        let step: Int
        let weights: TokenAttribution.Weights
    }

    private let refresh: ImportanceRefresh
    private var entries: [Int: Entry] = [:]

    package init(_ refresh: ImportanceRefresh) { self.refresh = refresh }

    /// Weights of a row that are still good at `step`; nil when they must be computed.
    package func weights(ofRow row: Int, at step: Int) -> TokenAttribution.Weights? {
        guard let entry = entries[row] else { return nil }
        switch refresh {
        case .step: return nil
        case .every(let steps): return step - entry.step < steps ? entry.weights : nil
        case .once: return entry.weights
        }
    }

    package mutating func remember(_ weights: TokenAttribution.Weights, ofRow row: Int, at step: Int) {
        if refresh != .step { entries[row] = Entry(step: step, weights: weights) }
    }

    private static let rows = "importance.rows"
    private static let steps = "importance.steps"
    private static let lengths = "importance.lengths"
    private static let weights = "importance.weights"

    package var tensors: [TensorToWrite] {
        if entries.isEmpty { return [] }
        let sorted = entries.sorted { $0.key < $1.key }
        let weights = sorted.flatMap { $0.value.weights.chosen + $0.value.weights.rejected }
        func integers(_ name: String, _ values: [Int]) -> TensorToWrite {
            TensorToWrite(name: name, shape: [values.count], integers: values.map { Int32($0) })
        }
        return [
            integers(Self.rows, sorted.map(\.key)), integers(Self.steps, sorted.map(\.value.step)),
            integers(
                Self.lengths, sorted.flatMap { [$0.value.weights.chosen.count, $0.value.weights.rejected.count] }),
            TensorToWrite(name: Self.weights, dataType: .float64, shape: [weights.count]) { file in
                try weights.withUnsafeBytes { try file.write($0) }
            },
        ]
    }

    package mutating func restore(from file: SafetensorsFile) throws {
        func tensor(_ name: String) throws -> TensorView {
            guard let tensor = file.tensor(name) else {
                throw SafetensorsError(
                    file: file.path, tensor: name, found: "no such tensor", expected: "it to be there")
            }
            return tensor
        }
        let lengths = try tensor(Self.lengths).integers()
        let values = try tensor(Self.weights).doubles()
        let (rows, steps) = (try tensor(Self.rows).integers(), try tensor(Self.steps).integers())
        guard lengths.count == 2 * rows.count, steps.count == rows.count, lengths.reduce(0, +) == values.count else {
            throw SafetensorsError(
                file: file.path, tensor: Self.lengths, found: "lengths that do not fit",
                expected: "all weights accounted for")
        }
        var start = 0
        func take(_ count: Int) -> [Double] {
            defer { start += count }
            return Array(values[start..<start + count])
        }
        entries = [:]
        for index in rows.indices {
            let weights = TokenAttribution.Weights(
                chosen: take(lengths[2 * index]), rejected: take(lengths[2 * index + 1]))
            entries[rows[index]] = Entry(step: steps[index], weights: weights)
        }
    }
}
