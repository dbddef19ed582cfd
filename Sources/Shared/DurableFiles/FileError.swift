import Glibc

/// What an operation on a file ran into: path, operation and the system's own word for it.
package struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    package let path: String
    /// The system call or step that failed, for people: `open`, `fsync`, `rename`.
    package let operation: String
    /// The `errno` value; 0 where the failure is not the system's (a file larger than allowed, say).
    package let code: Int32
    /// What was found and expected, for failures without an `errno`.
    package let detail: String?

    package init(path: String, operation: String, code: Int32, detail: String? = nil) {
        self.path = path
        self.operation = operation
        self.code = code
        self.detail = detail
    }

    /// The failure of the system call that has just returned, from `errno`.
    package static func last(_ operation: String, _ path: String) -> FileError {
        FileError(path: path, operation: operation, code: errno)
    }

    /// True for a full disk or an exhausted quota.
    package var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT }

    package var isMissing: Bool { code == ENOENT }

    package var description: String {
        let reason = code == 0 ? (detail ?? "failed") : String(cString: strerror(code))
        return "\(path): \(operation): \(reason)"
    }
}
