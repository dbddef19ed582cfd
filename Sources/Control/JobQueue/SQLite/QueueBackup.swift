import Foundation
import GRDB
import JobModel

/// Consistent copies of the queue.
struct QueueBackup {
    /// How many are kept.
    static let kept = 14

    private let queue: DatabaseQueue
    private let directory: String
    private let stamp: String

    init(of queue: DatabaseQueue, now: Timestamp) {
        self.queue = queue
        directory = FileSystem.directory(of: queue.path) + "/backup"
        stamp = now.fileStamp
    }

    /// Copies, checks, publishes and thins out; the path of the copy.
    func write() throws -> String {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let target = "\(directory)/queue-\(stamp).db"
        let draft = target + ".tmp"
        try FileSystem.removeIfThere(draft)
        try queue.vacuum(into: draft)
        try check(draft)
        try FileSystem.publish(draft, as: target)
        try thinOut()
        return target
    }

    private func check(_ path: String) throws {
        let copy = try DatabaseQueue(path: path, configuration: QueueConnection.reading())
        let verdict = try copy.read { try String.fetchAll($0, sql: "PRAGMA integrity_check(20)") }
        try copy.close()
        guard verdict == ["ok"] else {
            throw StoreError.unavailable("the backup is damaged: \(verdict.joined(separator: "; "))")
        }
    }

    private func thinOut() throws {
        let copies = try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { $0.hasPrefix("queue-") && $0.hasSuffix(".db") }.sorted()
        for old in copies.dropLast(Self.kept) { try FileSystem.removeIfThere("\(directory)/\(old)") }
    }
}
