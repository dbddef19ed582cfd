import CZlib
import CZstd
import Testing

/// Packs bytes as the command line tools do.
enum Packer: String, CaseIterable, CustomTestStringConvertible {
    case gzip = "gz"
    case zstandard = "zst"

    var testDescription: String { rawValue }

    func pack(_ bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .gzip: Self.gzip(bytes)
        case .zstandard: Self.zstandard(bytes)
        }
    }

    private static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        deflateInit2_(
            &stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        defer { deflateEnd(&stream) }
        let limit = Int(deflateBound(&stream, UInt(bytes.count)))
        var input = bytes
        return [UInt8](unsafeUninitializedCapacity: limit) { output, count in
            input.withUnsafeMutableBufferPointer { input in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(limit)
                deflate(&stream, Z_FINISH)
            }
            count = limit - Int(stream.avail_out)
        }
    }

    private static func zstandard(_ bytes: [UInt8]) -> [UInt8] {
        let limit = ZSTD_compressBound(bytes.count)
        return [UInt8](unsafeUninitializedCapacity: limit) { output, count in
            count = bytes.withUnsafeBytes { ZSTD_compress(output.baseAddress, limit, $0.baseAddress, $0.count, 3) }
        }
    }
}
