package import Glibc

/// A file of a durable directory as written: its name, size and digest.
package struct WrittenFile: Sendable, Hashable {
    package let name: String
    package let bytes: Int
    package let sha256: String

    package init(name: String, bytes: Int, sha256: String) {
        self.name = name
        self.bytes = bytes
        self.sha256 = sha256
    }
}

/// A new file that is hashed while it is written, and forced to the disk by `finish()`.
package struct HashingFile: ~Copyable {
    private let file: OpenFile
    private var digest = SHA256.Stream()
    private var pending: [UInt8] = []
    private var count = 0

    private static let pieceSize = 1 << 18

    /// Creates the file; one that is there already is an error.
    package init(creating path: String, mode: mode_t = 0o640) throws {
        file = try OpenFile(path, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
        pending.reserveCapacity(Self.pieceSize)
    }

    /// Bytes written so far.
    package var byteCount: Int { count }

    package mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
        count += bytes.count
        if pending.count + bytes.count <= Self.pieceSize {
            pending.append(contentsOf: bytes)
            return
        }
        try flush()
        digest.update(bytes)
        try file.write(bytes)
    }

    package mutating func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    package mutating func write(_ text: String) throws { try write(Array(text.utf8)) }

    /// Writes out, forces to the disk, and tells what was written.
    package mutating func finish(name: String) throws -> WrittenFile {
        try flush()
        try file.sync()
        return WrittenFile(name: name, bytes: count, sha256: digest.hex())
    }

    private mutating func flush() throws {
        digest.update(pending)
        try pending.withUnsafeBytes { try file.write($0) }
        pending.removeAll(keepingCapacity: true)
    }
}
