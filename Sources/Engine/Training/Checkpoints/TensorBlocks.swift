package import Compute
package import DurableFiles
package import Safetensors
package import Transformer

/// Blocks that lie like a parameter store (values, moments), as tensors in files.
extension ParameterStore {
    /// The tensors of a block, under `prefix` + the name of the parameter.
    package func tensors(of block: Matrix, prefix: String = "") -> [TensorToWrite] {
        entries.map { entry in
            let window = UnsafeRawBufferPointer(
                start: block.base + entry.range.lowerBound, count: entry.range.count * MemoryLayout<Real>.stride)
            return TensorToWrite(name: prefix + entry.name, dataType: .real, shape: entry.shape, bytes: window)
        }
    }

    /// Reads the tensors of a block back; names, shapes and number must be exactly those of the store.
    package func read(_ block: Matrix, prefix: String = "", from file: SafetensorsFile) throws {
        for entry in entries {
            let name = prefix + entry.name
            guard let tensor = file.tensor(name) else {
                throw SafetensorsError(
                    file: file.path, tensor: name, found: "no such tensor", expected: "it to be there")
            }
            try tensor.requireShape(entry.shape)
            try tensor.copy(to: block.base + entry.range.lowerBound)
        }
    }
}

extension DataType {
    /// The type of the engine's arithmetic.
    package static var real: DataType { MemoryLayout<Real>.size == 8 ? .float64 : .float32 }
}

extension DurableDirectory {
    /// Adds a safetensors file.
    package mutating func add(_ name: String, tensors: [TensorToWrite]) throws {
        try add(name) { try SafetensorsWriter.write(tensors, to: &$0) }
    }
}
