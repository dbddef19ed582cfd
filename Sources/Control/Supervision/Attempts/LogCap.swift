import DurableFiles
import Glibc

/// Keeps the log of an attempt from filling the disk: its last piece is put aside, and it begins anew.
enum LogCap {
    /// What is kept of a log that was cut, bytes.
    static let kept = 1 << 20

    /// Cuts the file if it is longer than `limit`; the worker, which appends, goes on writing. True if it was cut.
    static func enforce(_ path: String, limit: Int64) throws -> Bool {
        guard fileKind(path) == .file, try fileSize(path) > limit else { return false }
        let file = try OpenFile(path, O_RDWR)
        let size = Int(try file.status().st_size)
        let tail = try [UInt8](unsafeUninitializedCapacity: kept) { buffer, count in
            let start = off_t(max(0, size - kept))
            guard lseek(file.descriptor, start, SEEK_SET) >= 0 else { throw FileError.last("seek", path) }
            count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
        }
        try replaceForReaders(tail, at: "\(path).tail")
        guard ftruncate(file.descriptor, 0) == 0 else { throw FileError.last("truncate", path) }
        return true
    }
}
