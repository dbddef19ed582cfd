/// Unpacks a stream of bytes that arrives in pieces, in constant memory.
protocol Decompressor {
    /// Unpacks some input, giving the output to `emit` piece by piece.
    mutating func unpack(
        _ input: UnsafeRawBufferPointer, emit: (UnsafeRawBufferPointer) throws -> Void) throws

    /// Whether the input so far ends where a packed stream ends.
    var isComplete: Bool { get }
}

/// Why packed bytes cannot be unpacked.
struct PackedDataProblem: Error {
    let found: String
    var advice: String?
}
