package import DurableFiles
import JSON

/// A tensor to be written: its description, and a closure that streams its elements.
package struct TensorToWrite {
    package let name: String
    package let dataType: DataType
    package let shape: [Int]
    /// Writes exactly the bytes that type and shape say, little-endian and row-major.
    let body: (inout HashingFile) throws -> Void

    package init(
        name: String, dataType: DataType, shape: [Int], body: @escaping (inout HashingFile) throws -> Void
    ) {
        self.name = name
        self.dataType = dataType
        self.shape = shape
        self.body = body
    }

    /// Elements that lie together in memory, which must outlive the writing.
    package init(name: String, dataType: DataType, shape: [Int], bytes: UnsafeRawBufferPointer) {
        self.init(name: name, dataType: dataType, shape: shape) { try $0.write(bytes) }
    }

    package init(name: String, shape: [Int], floats: UnsafeBufferPointer<Float>) {
        self.init(name: name, dataType: .float32, shape: shape, bytes: UnsafeRawBufferPointer(floats))
    }

    package init(name: String, shape: [Int], doubles: UnsafeBufferPointer<Double>) {
        self.init(name: name, dataType: .float64, shape: shape, bytes: UnsafeRawBufferPointer(doubles))
    }

    package init(name: String, shape: [Int], floats: [Float]) {
        self.init(name: name, dataType: .float32, shape: shape) { file in
            try floats.withUnsafeBytes { try file.write($0) }
        }
    }

    package init(name: String, shape: [Int], integers: [Int32]) {
        self.init(name: name, dataType: .int32, shape: shape) { file in
            try integers.withUnsafeBytes { try file.write($0) }
        }
    }

    var byteCount: Int { shape.reduce(dataType.byteWidth, *) }
}

/// Order of the tensors in a file.
package enum TensorOrder: Sendable {
    /// Wider elements first, then by name: every tensor is aligned.
    case sorted
    /// As they come.
    case given
}

/// Writes the format: the same tensors give the same bytes, always.
package enum SafetensorsWriter {
    /// - Parameter metadata: written sorted by key; Hugging Face's loaders want `format`.
    package static func write(
        _ tensors: [TensorToWrite], order: TensorOrder = .sorted, metadata: [String: String] = ["format": "pt"],
        to file: inout HashingFile
    ) throws {
        let ordered =
            switch order {
            case .given: tensors
            case .sorted: tensors.sorted { (-$0.dataType.byteWidth, $0.name) < (-$1.dataType.byteWidth, $1.name) }
            }
        let header = header(ordered, metadata)
        try file.write(withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) })
        try file.write(header)
        for tensor in ordered {
            let start = file.byteCount
            try tensor.body(&file)
            precondition(
                file.byteCount - start == tensor.byteCount, "tensor \(tensor.name) wrote another size than it said")
        }
    }

    private static func header(_ tensors: [TensorToWrite], _ metadata: [String: String]) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let texts = metadata.sorted { $0.key < $1.key }.map { key, value in
                "\(JSONValue.quoted(key)):\(JSONValue.quoted(value))"
            }
            members.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
        }
        var offset = 0
        for tensor in tensors {
            let end = offset + tensor.byteCount
            let shape = tensor.shape.map { String($0) }.joined(separator: ",")
            members.append(
                "\(JSONValue.quoted(tensor.name)):{\"dtype\":\"\(tensor.dataType.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var header = Array("{\(members.joined(separator: ","))}".utf8)
        while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
        return header
    }
}
