import Foundation
import GRDB
package import JobModel

/// Copies of the queue, and what can be said about one.
package enum QueueCopy {
    /// Whether a file is a whole queue that this program understands; throws `databaseRefused` if it is not.
    @discardableResult
    package static func check(_ path: String) throws -> Facts {
        func refusal(_ reason: String) -> StoreError { .databaseRefused(path: path, reason: reason, copies: nil) }
        guard let size = FileSystem.size(path) else { throw refusal("there is no such file") }
        guard size > 0 else { throw refusal("the file is empty") }
        do {
            let queue = try QueueConnection.reader(at: path)
            defer { try? queue.close() }
            return try queue.read { database in
                guard try Int.fetchOne(database, sql: "PRAGMA application_id") == DatabaseIdentity.applicationID else {
                    throw refusal("it belongs to another program")
                }
                let verdict = try String.fetchAll(database, sql: "PRAGMA integrity_check(20)")
                guard verdict == ["ok"] else { throw refusal(verdict.joined(separator: "; ")) }
                guard try !QueueMigrator.make().hasBeenSuperseded(database) else {
                    throw refusal("it was written by a newer version")
                }
                return try facts(database)
            }
        } catch let error as DatabaseError {
            throw refusal(error.message ?? "damaged")
        }
    }

    /// What a whole queue holds.
    package struct Facts: Sendable, Hashable {
        /// Jobs.
        package let jobs: Int
        /// When something was last written.
        package let newestEvent: Timestamp?
        /// Names of the run directories of all jobs.
        package let runs: Set<String>
    }

    private static func facts(_ database: Database) throws -> Facts {
        let newest = try Int64.fetchOne(database, sql: "SELECT ts_ms FROM events ORDER BY seq DESC LIMIT 1")
        let runs = try Set(String.fetchAll(database, sql: "SELECT run_dir FROM jobs"))
        return Facts(jobs: runs.count, newestEvent: newest.map { Timestamp(milliseconds: $0) }, runs: runs)
    }

    /// Writes a consistent copy of the queue at `path` to `copy`, checks it and forces it to the disk, whether a daemon
    /// has the queue open or not. Nothing may lie at `copy`.
    ///
    /// - Returns: what the copy holds.
    @discardableResult
    package static func write(of path: String, to copy: String) throws -> Facts {
        do {
            let queue = try QueueConnection.reader(at: path)
            defer { try? queue.close() }
            // Page by page in one step: a read-only connection cannot VACUUM a table with a generated column.
            let target = try DatabaseQueue(path: copy)
            try queue.backup(to: target)
            try target.close()
        } catch let error as DatabaseError {
            throw StoreError(error, at: path)
        }
        let facts = try check(copy)
        try FileSystem.synchronize(copy)
        return facts
    }
}
