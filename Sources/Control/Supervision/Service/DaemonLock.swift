import DurableFiles
import Glibc

/// Held while a daemon works on a root: two would fight over one queue.
package struct DaemonLock: ~Copyable {
    private let lock: FileLock

    /// The lock, or nil when another daemon has it. Its file names the process, for `honed reload`.
    package static func acquire(_ root: Root) throws -> DaemonLock? {
        guard let lock = try FileLock.acquire(root.lockFile) else { return nil }
        try lock.replaceContents("\(getpid())\n")
        return DaemonLock(lock: lock)
    }

    /// As `acquire`, for a daemon that starts: whoever looks for the daemon in that moment has the lock for an instant.
    package static func acquire(_ root: Root, patience: Duration) async throws -> DaemonLock? {
        let pause = Duration.milliseconds(50)
        for _ in 0..<max(1, Int(patience / pause)) {
            if let lock = try acquire(root) { return lock }
            try await Task.sleep(for: pause)
        }
        return nil
    }

    private init(lock: consuming FileLock) { self.lock = lock }

    /// The daemon that works on this root now; nil when there is none.
    package static func holder(_ root: Root) throws -> Int32? {
        guard fileKind(root.lockFile) == .file else { return nil }
        if try FileLock.acquire(root.lockFile) != nil { return nil }
        let text = String(decoding: try readFile(root.lockFile, limit: 64), as: UTF8.self)
        return Int32(text.split(separator: "\n").first ?? "")
    }
}

/// How the last reload went, in a file of the runtime directory: the answer that `honed reload` waits for.
package struct ReloadReceipt: Sendable, Hashable {
    /// The moment of the answer, as the monotonic clock of this boot.
    package let moment: Int64
    /// What went wrong; empty if nothing did.
    package let errors: String

    private static func path(_ root: Root) -> String { "\(root.runtime)/reloaded" }

    /// The last answer; nil before the first.
    package static func read(_ root: Root) -> ReloadReceipt? {
        guard let bytes = try? readFile(path(root), limit: 1 << 20) else { return nil }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "\n", maxSplits: 1)
        guard let moment = parts.first.flatMap({ Int64($0) }) else { return nil }
        return ReloadReceipt(moment: moment, errors: parts.count > 1 ? String(parts[1]) : "")
    }

    static func write(_ root: Root, at moment: Duration, errors: String) throws {
        let (seconds, attoseconds) = moment.components
        let text = "\(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)\n\(errors)"
        try replaceForReaders(Array(text.utf8), at: path(root))
    }
}
