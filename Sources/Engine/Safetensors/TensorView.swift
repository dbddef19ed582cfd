/// One tensor of an open file; keeps the file alive.
package struct TensorView: @unchecked Sendable {
    // @unchecked: the pointer is into memory that is only read and that `file` keeps.

    package let info: TensorInfo
    package let file: SafetensorsFile
    /// The elements as they lie in the file: little-endian, row-major, not necessarily aligned.
    package let bytes: UnsafeRawBufferPointer

    package var name: String { info.name }
    package var dataType: DataType { info.dataType }
    package var shape: [Int] { info.shape }
    package var count: Int { info.count }

    /// The elements without a copy, valid while this value lives; nil unless they are F32 at a multiple of 4 bytes.
    ///
    /// The caller of a nil copies with `copy(to:)` and may say so: a misaligned tensor is legal but costs memory.
    package var sharedFloats: UnsafeBufferPointer<Float>? { shared(.float32) }

    /// As `sharedFloats`, for F64.
    package var sharedDoubles: UnsafeBufferPointer<Double>? { shared(.float64) }

    /// As `sharedFloats`, for BF16: the upper halves of floats.
    package var sharedBrainFloats: UnsafeBufferPointer<UInt16>? { shared(.bfloat16) }

    package var isAligned: Bool {
        bytes.isEmpty || Int(bitPattern: bytes.baseAddress) % info.dataType.byteWidth == 0
    }

    private func shared<Element: BitwiseCopyable>(_ dataType: DataType) -> UnsafeBufferPointer<Element>? {
        guard info.dataType == dataType, isAligned else { return nil }
        return bytes.bindMemory(to: Element.self)
    }

    /// Writes all elements as `Float` or `Double` to `target`, which holds `count` of them.
    ///
    /// Any floating-point and integer type of the format is converted, BOOL to 0 and 1; a Double given to Float is
    /// rounded to nearest. The 8-bit floating-point types are refused.
    package func copy<Target: BinaryFloatingPoint & BitwiseCopyable>(to target: UnsafeMutablePointer<Target>) throws {
        switch info.dataType {
        case .float64: convert(to: target) { (x: UInt64) in Target(Double(bitPattern: UInt64(littleEndian: x))) }
        case .float32: convert(to: target) { (x: UInt32) in Target(Float(bitPattern: UInt32(littleEndian: x))) }
        case .float16: convert(to: target) { (x: UInt16) in Target(float(halfBits: UInt16(littleEndian: x))) }
        case .bfloat16: convert(to: target) { (x: UInt16) in Target(float(brainBits: UInt16(littleEndian: x))) }
        case .int64: convert(to: target) { (x: Int64) in Target(Int64(littleEndian: x)) }
        case .int32: convert(to: target) { (x: Int32) in Target(Int32(littleEndian: x)) }
        case .int16: convert(to: target) { (x: Int16) in Target(Int16(littleEndian: x)) }
        case .int8: convert(to: target) { (x: Int8) in Target(x) }
        case .uint64: convert(to: target) { (x: UInt64) in Target(UInt64(littleEndian: x)) }
        case .uint32: convert(to: target) { (x: UInt32) in Target(UInt32(littleEndian: x)) }
        case .uint16: convert(to: target) { (x: UInt16) in Target(UInt16(littleEndian: x)) }
        case .uint8: convert(to: target) { (x: UInt8) in Target(x) }
        case .bool: convert(to: target) { (x: UInt8) in x == 0 ? 0 : 1 }
        case .float8E4M3, .float8E5M2:
            throw unreadable("a floating-point or integer type of 16 bits or more")
        }
    }

    package func floats() throws -> [Float] { try values() }

    package func doubles() throws -> [Double] { try values() }

    /// The elements of an integer tensor that fit in `Int`.
    package func integers() throws -> [Int] {
        var values = [Int](repeating: 0, count: count)
        for index in 0..<count {
            let value: Int?
            switch info.dataType {
            case .int64: value = Int(Int64(littleEndian: element(index)))
            case .int32: value = Int(Int32(littleEndian: element(index)))
            case .int16: value = Int(Int16(littleEndian: element(index)))
            case .int8: value = Int(element(index) as Int8)
            case .uint64: value = Int(exactly: UInt64(littleEndian: element(index)))
            case .uint32: value = Int(UInt32(littleEndian: element(index)))
            case .uint16: value = Int(UInt16(littleEndian: element(index)))
            case .uint8, .bool: value = Int(element(index) as UInt8)
            default: throw unreadable("an integer type")
            }
            guard let value else { throw unreadable("values that fit in 63 bits") }
            values[index] = value
        }
        return values
    }

    /// Throws unless the tensor has this shape.
    package func requireShape(_ expected: [Int]) throws {
        guard shape == expected else {
            throw SafetensorsError(
                file: file.path, tensor: name, found: "shape \(shape)", expected: "shape \(expected)")
        }
    }

    private func values<Target: BinaryFloatingPoint & BitwiseCopyable>() throws -> [Target] {
        try [Target](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let base = buffer.baseAddress, count > 0 { try copy(to: base) }
            initialized = count
        }
    }

    private func element<Source: BitwiseCopyable>(_ index: Int) -> Source {
        bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Source>.size, as: Source.self)
    }

    @inline(__always)
    private func convert<Source: BitwiseCopyable, Target>(
        to target: UnsafeMutablePointer<Target>, _ value: (Source) -> Target
    ) {
        for index in 0..<count { (target + index).initialize(to: value(element(index))) }
    }

    private func unreadable(_ expected: String) -> SafetensorsError {
        SafetensorsError(file: file.path, tensor: name, found: "dtype \(dataType.rawValue)", expected: expected)
    }
}
