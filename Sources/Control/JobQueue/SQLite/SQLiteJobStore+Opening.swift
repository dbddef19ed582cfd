import Foundation
import GRDB
package import JobModel

extension SQLiteJobStore {
    /// Opens the queue at `path`, making it if nothing has ever been there.
    ///
    /// The caller holds the daemon lock. A database that is damaged, foreign or newer than this program is copied to
    /// `corrupt-<time>/` beside it and refused; the daemon never starts with an empty queue instead.
    ///
    /// - Parameter traces: what lies in other places that only an earlier queue can have left; then a missing database
    ///   is a lost one.
    package static func open(
        at path: String, now: Timestamp, traces: String? = nil
    ) throws(StoreError) -> SQLiteJobStore {
        let guardian = DatabaseGuardian(path: path, now: now)
        do {
            if guardian.exists { return try guardian.openExisting() }
            try guardian.refuseToReplaceALostQueue(traces)
            return try guardian.create()
        } catch let error as DatabaseError where error.isDamage {
            throw guardian.refusal(error.message ?? "damaged")
        } catch {
            throw StoreError(any: error, at: path)
        }
    }

    /// Writes a consistent copy to `backup/` beside the database, checks it, and keeps the newest fourteen.
    ///
    /// - Returns: the path of the copy.
    package func backup(now: Timestamp) async throws -> String {
        let queue = queue
        return try await StoreError.translating(at: queue.path) { try QueueBackup(of: queue, now: now).write() }
    }
}

extension DatabaseError {
    fileprivate var isDamage: Bool { resultCode == .SQLITE_CORRUPT || resultCode == .SQLITE_NOTADB }
}

/// Decides whether a file may be used as the queue.
private struct DatabaseGuardian {
    let path: String
    let now: Timestamp

    var exists: Bool { FileManager.default.fileExists(atPath: path) }

    func openExisting() throws -> SQLiteJobStore {
        guard FileSystem.size(path) ?? 0 > 0 else { throw refusal("the file is empty") }
        let queue = try DatabaseQueue(path: path, configuration: QueueConnection.writing())
        let migrator = QueueMigrator.make()
        let needsMigration = try queue.read { database in
            let identity = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
            guard identity == DatabaseIdentity.applicationID else { throw refusal("it belongs to another program") }
            guard try !migrator.hasBeenSuperseded(database) else { throw refusal("it was written by a newer version") }
            let verdict = try String.fetchAll(database, sql: "PRAGMA quick_check(20)")
            guard verdict == ["ok"] else { throw refusal(verdict.joined(separator: "; ")) }
            return try !migrator.hasCompletedMigrations(database)
        }
        if needsMigration {
            _ = try QueueBackup(of: queue, now: now).write()
            try migrator.migrate(queue)
        }
        return SQLiteJobStore(queue)
    }

    /// Made under another name first: a file under the final name always has its schema.
    func create() throws -> SQLiteJobStore {
        let draft = path + ".new"
        for suffix in ["", "-wal", "-shm"] { try FileSystem.removeIfThere(draft + suffix) }
        let queue = try DatabaseQueue(path: draft, configuration: QueueConnection.writing())
        try QueueMigrator.make().migrate(queue)
        try queue.close()
        // A log that stays was not written into its database (a failing disk), which alone is not whole.
        guard FileSystem.size(draft + "-wal") ?? 0 == 0 else {
            throw StoreError.unavailable("\(draft): its write-ahead log could not be written into it")
        }
        try FileSystem.publish(draft, as: path)
        return try openExisting()
    }

    func refuseToReplaceALostQueue(_ traces: String?) throws {
        let backups = FileSystem.directory(of: path) + "/backup"
        let kept = (try? FileManager.default.contentsOfDirectory(atPath: backups)) ?? []
        let log = FileSystem.size(path + "-wal") ?? 0
        let left = log > 0 ? "its write-ahead log" : kept.isEmpty ? traces : "its backups"
        guard let left else { return }
        throw StoreError.databaseRefused(
            path: path, reason: "it is missing, but \(left) show that there was one; run: hone recover",
            copies: kept.isEmpty ? nil : backups)
    }

    func refusal(_ reason: String) -> StoreError {
        let directory = "\(FileSystem.directory(of: path))/corrupt-\(now.fileStamp)"
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: path + suffix) {
                let copy = "\(directory)/\(FileSystem.name(of: path))\(suffix)"
                if !FileManager.default.fileExists(atPath: copy) {
                    try FileManager.default.copyItem(atPath: path + suffix, toPath: copy)
                }
            }
            return .databaseRefused(path: path, reason: reason, copies: directory)
        } catch {
            return .databaseRefused(path: path, reason: "\(reason) (and it could not be copied: \(error))", copies: nil)
        }
    }
}
