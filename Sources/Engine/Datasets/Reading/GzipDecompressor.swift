import CZlib

/// gzip (RFC 1952) with the system's zlib: any number of members, one behind the other.
final class GzipDecompressor: Decompressor {
    private var stream = z_stream()
    private let output: UnsafeMutableRawBufferPointer
    private(set) var isComplete = false

    private static let pieceSize = 256 << 10
    /// The largest window, and 16 for the header and checksum of gzip.
    private static let windowBits: Int32 = 15 + 16

    init() {
        output = .allocate(byteCount: Self.pieceSize, alignment: 64)
        let status = inflateInit2_(&stream, Self.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib \(ZLIB_VERSION) does not start: \(status)")
    }

    deinit {
        inflateEnd(&stream)
        output.deallocate()
    }

    func unpack(_ input: UnsafeRawBufferPointer, emit: (UnsafeRawBufferPointer) throws -> Void) throws {
        stream.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress.map { $0.assumingMemoryBound(to: UInt8.self) })
        stream.avail_in = UInt32(input.count)
        while true {
            if isComplete && stream.avail_in > 0 { try beginNextMember() }
            stream.next_out = output.baseAddress.map { $0.assumingMemoryBound(to: UInt8.self) }
            stream.avail_out = UInt32(output.count)
            let status = isComplete ? Z_BUF_ERROR : inflate(&stream, Z_NO_FLUSH)
            let count = output.count - Int(stream.avail_out)
            if count > 0 { try emit(UnsafeRawBufferPointer(rebasing: output[..<count])) }
            switch status {
            case Z_STREAM_END: isComplete = true
            case Z_OK: break
            case Z_BUF_ERROR where stream.avail_in == 0: return
            default:
                let reason = stream.msg.map { String(cString: $0) } ?? "zlib says \(status)"
                throw PackedDataProblem(found: "damaged gzip data (\(reason))")
            }
        }
    }

    private func beginNextMember() throws {
        inflateReset(&stream)
        isComplete = false
    }
}
