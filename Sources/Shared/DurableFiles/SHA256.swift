import CDigest
import Glibc

/// SHA-256 of bytes and files, as lower-case hexadecimal text of 64 digits.
package enum SHA256 {
    /// A digest that grows with each piece; feeding the pieces of a text gives the digest of the text.
    package struct Stream {
        private var digest = hone_sha256()

        package init() { hone_sha256_begin(&digest) }

        package mutating func update(_ bytes: UnsafeRawBufferPointer) {
            hone_sha256_update(&digest, bytes.baseAddress, bytes.count)
        }

        package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

        /// The digest of everything so far; the stream may go on afterwards.
        package func hex() -> String {
            var copy = digest
            var result = [UInt8](repeating: 0, count: 32)
            hone_sha256_finish(&copy, &result)
            return SHA256.hex(digits: result)
        }
    }

    package static func hex(of bytes: [UInt8]) -> String {
        var stream = Stream()
        stream.update(bytes)
        return stream.hex()
    }

    package static func hex(of text: String) -> String { hex(of: Array(text.utf8)) }

    /// Digest and size of a file, read once from start to end in pieces of 1 MiB.
    ///
    /// - Parameter checkpoint: called after each piece; what it throws ends the reading (a stop that was asked for).
    package static func hex(
        ofFile path: String, checkpoint: () throws -> Void = {}
    ) throws -> (hex: String, bytes: Int) {
        let file = try OpenFile(path, O_RDONLY)
        var stream = Stream()
        var total = 0
        try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 64) { buffer in
            while true {
                let count = try file.read(into: buffer)
                if count == 0 { return }
                stream.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                total += count
                try checkpoint()
            }
        }
        return (stream.hex(), total)
    }

    private static func hex(digits digest: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(64)
        for byte in digest {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
