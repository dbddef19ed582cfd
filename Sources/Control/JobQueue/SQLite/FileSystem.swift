import Foundation
import Glibc

/// The few things the store does to files. Never opens the live database: closing any descriptor of it would drop the
/// locks of the whole process.
enum FileSystem {
    static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    static func name(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    /// Bytes of a file, or nil if there is none.
    static func size(_ path: String) -> Int64? {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : nil
    }

    static func removeIfThere(_ path: String) throws {
        if unlink(path) != 0, errno != ENOENT { throw failure("remove", path) }
    }

    /// Makes a finished file appear under its name, durably.
    static func publish(_ draft: String, as path: String) throws {
        try synchronize(draft)
        guard rename(draft, path) == 0 else { throw failure("rename", path) }
        try synchronize(directory(of: path))
    }

    static func synchronize(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("fsync", path) }
    }

    private static func failure(_ operation: String, _ path: String) -> StoreError {
        .unavailable("\(operation) \(path): \(String(cString: strerror(errno)))")
    }
}
