import Foundation
import GRDB
package import JobModel

/// Looks into the queue without being its daemon. Nothing is created or changed.
package struct QueueReader: Sendable {
    private let queue: DatabaseQueue
    private let path: String

    /// Opens the queue at `path` for reading. One more try covers a daemon that starts or stops in this moment.
    package static func open(at path: String) throws(StoreError) -> QueueReader {
        do {
            return try openOnce(path)
        } catch {
            do {
                return try openOnce(path)
            } catch {
                throw StoreError(any: error, at: path)
            }
        }
    }

    private static func openOnce(_ path: String) throws -> QueueReader {
        guard FileSystem.size(path) != nil else { throw StoreError.unavailable("there is no file \(path)") }
        let queue = try QueueConnection.reader(at: path)
        let identity = try queue.read { try Int.fetchOne($0, sql: "PRAGMA application_id") ?? 0 }
        guard identity == DatabaseIdentity.applicationID else {
            throw StoreError.databaseRefused(path: path, reason: "it belongs to another program", copies: nil)
        }
        return QueueReader(queue: queue, path: path)
    }

    /// One job.
    package func job(_ id: Int64) throws -> JobDetails? { try read { try SummaryRows.details(id, in: $0) } }

    /// The newest job of a name.
    package func newestJob(named name: String) throws -> Int64? {
        try read { try SummaryRows.newest(named: name, uid: nil, in: $0) }
    }

    /// A page of a listing, newest first.
    package func jobs(_ page: JobPage) throws -> [JobSummary] { try read { try SummaryRows.page(page, in: $0) } }

    /// How many unfinished jobs there are in each state.
    package func liveCounts() throws -> [JobState: Int] { try read { try SummaryRows.liveCounts(in: $0) } }

    /// Events after a number, oldest first. A negative number counts from the newest event of all.
    package func events(after sequence: Int64, job: Int64?, limit: Int) throws -> [QueueEvent] {
        try read { database in
            let newest = try sequence < 0 ? SummaryRows.lastSequence(in: database) : 0
            return try SummaryRows.events(after: max(0, newest + sequence), job: job, limit: limit, in: database)
        }
    }

    private func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do {
            return try queue.read(body)
        } catch {
            throw StoreError(any: error, at: path)
        }
    }
}
