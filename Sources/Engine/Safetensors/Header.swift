import JSON

/// What the header of a file says about one tensor.
package struct TensorInfo: Sendable, Equatable {
    package let name: String
    package let dataType: DataType
    package let shape: [Int]
    /// Place of the elements, counted from the first byte after the header.
    package let bytes: Range<Int>

    /// Number of elements.
    package var count: Int { bytes.count / dataType.byteWidth }
}

/// The header of a safetensors file, checked against the file's size before anything is believed.
struct Header {
    /// In the order of their bytes.
    let tensors: [TensorInfo]
    let metadata: [String: String]

    /// At most this many bytes of header, whatever the file says.
    static let sizeLimit = 100_000_000
    static let rankLimit = 32

    /// - Parameters:
    ///   - text: the header without its length prefix.
    ///   - dataSize: bytes that follow the header in the file.
    init(_ text: UnsafeRawBufferPointer, dataSize: Int, file: String) throws {
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONValue(text.assumingMemoryBound(to: UInt8.self))
        } catch {
            throw SafetensorsError(
                file: file, found: "a header that is not strict JSON (\(error))", expected: "a JSON object")
        }
        guard case .object(let members) = json else {
            throw SafetensorsError(file: file, found: "a header that is no JSON object", expected: "a JSON object")
        }
        var tensors: [TensorInfo] = []
        var metadata: [String: String] = [:]
        for (name, value) in members {
            if name == "__metadata__" {
                metadata = try Self.metadata(value, file: file)
            } else {
                tensors.append(try Self.tensor(name, value, file: file))
            }
        }
        tensors.sort {
            ($0.bytes.lowerBound, $0.bytes.upperBound, $0.name) < ($1.bytes.lowerBound, $1.bytes.upperBound, $1.name)
        }
        try Self.checkPlaces(of: tensors, dataSize: dataSize, file: file)
        self.tensors = tensors
        self.metadata = metadata
    }

    private static func metadata(_ value: JSONValue, file: String) throws -> [String: String] {
        guard case .object(let members) = value else {
            throw SafetensorsError(file: file, found: "__metadata__ that is no object", expected: "an object of texts")
        }
        var metadata: [String: String] = [:]
        for (key, value) in members {
            guard case .string(let text) = value else {
                throw SafetensorsError(file: file, found: "__metadata__.\(key) that is no text", expected: "a text")
            }
            metadata[key] = text
        }
        return metadata
    }

    private static func tensor(_ name: String, _ value: JSONValue, file: String) throws -> TensorInfo {
        func refuse(_ found: String, _ expected: String) -> SafetensorsError {
            SafetensorsError(file: file, tensor: name, found: found, expected: expected)
        }
        guard case .object(let members) = value else { throw refuse("no object", "dtype, shape and data_offsets") }
        for (key, _) in members where !["dtype", "shape", "data_offsets"].contains(key) {
            throw refuse("the unknown key \"\(key)\"", "dtype, shape and data_offsets only")
        }
        guard case .string(let word)? = members["dtype"] else { throw refuse("no dtype", "one of \(knownTypes)") }
        guard let dataType = DataType(rawValue: word) else { throw refuse("dtype \"\(word)\"", "one of \(knownTypes)") }
        guard let shape = naturals(members["shape"]), shape.count <= rankLimit else {
            throw refuse("an unreadable shape", "a list of at most \(rankLimit) sizes of 0 or more")
        }
        guard let offsets = naturals(members["data_offsets"]), offsets.count == 2, offsets[0] <= offsets[1] else {
            throw refuse("unreadable data_offsets", "[begin, end] with 0 <= begin <= end")
        }
        guard let size = byteCount(shape, dataType) else {
            throw refuse("shape \(shape), whose size overflows", "a shape that fits in memory")
        }
        guard size == offsets[1] - offsets[0] else {
            throw refuse("\(offsets[1] - offsets[0]) bytes", "\(size) bytes for \(word) of shape \(shape)")
        }
        return TensorInfo(name: name, dataType: dataType, shape: shape, bytes: offsets[0]..<offsets[1])
    }

    private static let knownTypes = DataType.allCases.map(\.rawValue).joined(separator: ", ")

    private static func naturals(_ value: JSONValue?) -> [Int]? {
        guard case .array(let elements)? = value else { return nil }
        var numbers: [Int] = []
        for element in elements {
            guard case .integer(let number) = element, number >= 0 else { return nil }
            numbers.append(number)
        }
        return numbers
    }

    private static func byteCount(_ shape: [Int], _ dataType: DataType) -> Int? {
        var size = dataType.byteWidth
        for dimension in shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
            if overflow { return nil }
            size = product
        }
        return size
    }

    /// The tensors must fill the data exactly: from 0, without holes, without overlap, to the end of the file.
    private static func checkPlaces(of tensors: [TensorInfo], dataSize: Int, file: String) throws {
        var end = 0
        for tensor in tensors {
            guard tensor.bytes.lowerBound == end else {
                throw SafetensorsError(
                    file: file, tensor: tensor.name, found: "data that begins at \(tensor.bytes.lowerBound)",
                    expected: "\(end), where the tensor before it ends (no overlap, no hole)")
            }
            end = tensor.bytes.upperBound
            guard end <= dataSize else {
                throw SafetensorsError(
                    file: file, tensor: tensor.name, found: "data up to byte \(end)",
                    expected: "at most \(dataSize), all the data the file has",
                    advice: "the file is truncated; copy it again")
            }
        }
        guard end == dataSize else {
            throw SafetensorsError(
                file: file, found: "\(dataSize - end) bytes after the last tensor", expected: "the file to end there")
        }
    }
}
