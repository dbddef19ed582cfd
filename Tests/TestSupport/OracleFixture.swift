internal import DurableFiles
internal import JSON
internal import Safetensors
package import Transformer

/// One fixture: its index and its tensors.
package struct OracleFixture: Sendable {
    package let name: String
    /// Hyper-parameters, model names, parameter order.
    package let index: JSONFields
    private let exact: SafetensorsFile
    private let rounded: SafetensorsFile

    init(name: String, folder: String) throws {
        self.name = name
        let base = folder + "/" + name
        index = try JSONFields(JSONValue.read(base + ".json", hint: "a fixture's index"), file: base + ".json")
        exact = try SafetensorsFile(base + ".safetensors")
        rounded = try SafetensorsFile(base + ".f32.safetensors")
    }

    /// Names of all tensors.
    package var names: [String] {
        Set(exact.tensors.map(\.name) + rounded.tensors.map(\.name)).sorted()
    }

    /// Names of the tensors that begin with `prefix`.
    package func names(prefix: String) -> [String] { names.filter { $0.hasPrefix(prefix) } }

    package func contains(_ name: String) -> Bool { exact.tensor(name) != nil || rounded.tensor(name) != nil }

    /// A tensor of numbers, in float64 where the fixture has it so.
    package func tensor(_ name: String) throws -> OracleTensor {
        if let tensor = exact.tensor(name) {
            return OracleTensor(shape: tensor.shape, values: try tensor.doubles(), isExact: true)
        }
        guard let tensor = rounded.tensor(name) else { throw MissingTensor(fixture: self.name, tensor: name) }
        return OracleTensor(shape: tensor.shape, values: try tensor.doubles(), isExact: false)
    }

    /// The only value of a tensor of shape [1].
    package func scalar(_ name: String) throws -> Double {
        let values = try tensor(name).values
        guard values.count == 1 else { throw MissingTensor(fixture: self.name, tensor: name + " as a scalar") }
        return values[0]
    }

    /// Token ids, positions, row numbers.
    package func integers(_ name: String) throws -> [Int32] {
        guard let tensor = exact.tensor(name) else { throw MissingTensor(fixture: self.name, tensor: name) }
        return try tensor.integers().map { Int32($0) }
    }

    /// The ids of the sequences `seq0`, `seq1`, ….
    package func sequences() throws -> [[Int32]] {
        var sequences: [[Int32]] = []
        while contains("seq\(sequences.count).ids") {
            sequences.append(try integers("seq\(sequences.count).ids"))
        }
        return sequences
    }

    /// Names in the order of the fingerprint tables.
    package func parameterOrder() throws -> [String] {
        try index.strings("param_order") ?? []
    }

    private struct MissingTensor: Error, CustomStringConvertible {
        let fixture, tensor: String
        var description: String { "fixture \(fixture) has no tensor \(tensor)" }
    }
}

/// Numbers of a fixture.
package struct OracleTensor: Sendable {
    package let shape: [Int]
    package let values: [Double]
    /// False for numbers that were rounded to float32.
    package let isExact: Bool

    package init(shape: [Int], values: [Double], isExact: Bool = true) {
        self.shape = shape
        self.values = values
        self.isExact = isExact
    }

    package var largest: Double { values.reduce(0) { max($0, abs($1)) } }
}
