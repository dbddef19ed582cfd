import DurableFiles
import Glibc

/// A file without a name, for what can be computed again: it goes away with its owner, however the process ends.
final class ScratchFile {
    private let file: OpenFile
    /// Bytes so far.
    private(set) var size = 0

    /// Makes an empty file in a directory, which is made if it is missing.
    init(in directory: String) throws {
        try makeDirectory(directory)
        let path = "\(directory)/.hone-scratch-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        file = try OpenFile(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        unlink(path)
    }

    /// Writes behind what is there.
    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try file.write(bytes)
        size += bytes.count
    }

    /// Fills a buffer from the given place, which must lie within the file with all of it.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
        guard try file.readAll(into: buffer, at: offset) else {
            throw FileError(
                path: file.path, operation: "read", code: 0,
                detail: "the file ends before byte \(offset + buffer.count)")
        }
    }
}

extension OpenFile {
    /// Fills a buffer from a place of the file, whatever was read before; false if the file ends within it.
    func readAll(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Bool {
        var count = 0
        while count < buffer.count {
            let read = pread(
                descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count, off_t(offset + count))
            if read > 0 {
                count += read
            } else if read == 0 {
                return false
            } else if errno != EINTR {
                throw FileError.last("read", path)
            }
        }
        return true
    }
}
