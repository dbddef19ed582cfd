package import Glibc

/// Owner of one open descriptor; closed when the value goes away.
package struct OpenFile: ~Copyable {
    package let descriptor: Int32
    package let path: String

    /// Opens `path` with `O_CLOEXEC` added. `mode` counts only with `O_CREAT`.
    package init(_ path: String, _ flags: Int32, mode: mode_t = 0o640) throws {
        self.path = path
        while true {
            let opened = open(path, flags | O_CLOEXEC, mode)
            if opened >= 0 {
                descriptor = opened
                return
            }
            if errno != EINTR { throw FileError.last("open", path) }
        }
    }

    deinit { close(descriptor) }

    /// Reads up to the buffer's size; 0 at the end of the file.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            if errno != EINTR { throw FileError.last("read", path) }
        }
    }

    /// Hands over everything from here to the end of the file, piece by piece.
    package func readAll(_ take: (UnsafeRawBufferPointer) throws -> Void) throws {
        try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 64) { buffer in
            while true {
                let count = try read(into: buffer)
                if count == 0 { return }
                try take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
    }

    /// Writes all of the bytes.
    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } else if errno != EINTR {
                throw FileError.last("write", path)
            }
        }
    }

    /// Forces content and size to the disk. After an error the file counts as lost: it must be written anew.
    package func sync() throws {
        guard fsync(descriptor) == 0 else { throw FileError.last("fsync", path) }
    }

    package func status() throws -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError.last("fstat", path) }
        return status
    }
}

/// The whole content of a regular file of at most `limit` bytes.
package func readFile(_ path: String, limit: Int = 64 << 20) throws -> [UInt8] {
    let file = try OpenFile(path, O_RDONLY)
    let size = Int(try file.status().st_size)
    guard size <= limit else {
        throw FileError(path: path, operation: "read", code: 0, detail: "\(size) bytes, expected at most \(limit)")
    }
    return try [UInt8](unsafeUninitializedCapacity: size + 1) { buffer, count in
        while count < size + 1 {
            let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
            let read = try file.read(into: rest)
            if read == 0 { break }
            count += read
        }
        guard count <= size else {
            throw FileError(path: path, operation: "read", code: 0, detail: "the file grew while it was read")
        }
    }
}
