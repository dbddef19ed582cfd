import Foundation
import GRDB
package import JobModel

/// The queue in SQLite: one connection in one process, which writes and checkpoints, and nobody else does.
package actor SQLiteJobStore: JobStore {
    let queue: DatabaseQueue
    let queuedMirror = QueuedJobsMirror()

    init(_ queue: DatabaseQueue) {
        self.queue = queue
        queue.add(transactionObserver: queuedMirror, extent: .databaseLifetime)
    }

    /// A queue in memory, for tests and rehearsals; same schema, same rules, gone at the end.
    package static func inMemory() throws -> SQLiteJobStore {
        let queue = try DatabaseQueue(configuration: QueueConnection.writing())
        try QueueMigrator.make().migrate(queue)
        return SQLiteJobStore(queue)
    }

    /// Closes the connection, so that no write-ahead log stays behind. Nothing works afterwards.
    package func close() throws { try queue.close() }

    /// One transaction in the words of the store.
    func write<Value: Sendable>(
        _ actor: String = "daemon", now: Timestamp, _ body: @escaping @Sendable (LifecycleWriter) throws -> Value
    ) async throws -> Value {
        try await StoreError.translating(at: queue.path) {
            try await queue.write { try body(LifecycleWriter(database: $0, actor: actor, now: now)) }
        }
    }

    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await StoreError.translating(at: queue.path) { try await queue.read(body) }
    }
}

// MARK: - Reading

extension SQLiteJobStore {
    package func job(_ id: Int64) async throws -> JobDetails? {
        try await read { try SummaryRows.details(id, in: $0) }
    }

    package func summaries(of jobs: [Int64]) async throws -> [JobSummary] {
        try await read { try SummaryRows.of(jobs, in: $0) }
    }

    package func runNames(of jobs: [Int64]) async throws -> Set<String> {
        try await read { database in
            let statement = try database.cachedStatement(sql: "SELECT run_dir FROM jobs WHERE id = ?")
            return try Set(jobs.compactMap { try String.fetchOne(statement, arguments: [$0]) })
        }
    }

    package func newestJob(named name: String, uid: Int64?) async throws -> Int64? {
        try await read { try SummaryRows.newest(named: name, uid: uid, in: $0) }
    }

    package func jobs(_ page: JobPage) async throws -> [JobSummary] {
        try await read { try SummaryRows.page(page, in: $0) }
    }

    package func liveCounts() async throws -> [JobState: Int] {
        try await read { try SummaryRows.liveCounts(in: $0) }
    }

    package func queueCounts() async throws -> [String: [JobState: Int]] {
        try await read { try SummaryRows.queueCounts(in: $0) }
    }

    package func unfinishedCounts() async throws -> [Int64: Int] {
        try await read { try SummaryRows.unfinishedCounts(in: $0) }
    }

    package func endedJobs(before moment: Timestamp, after job: Int64, limit: Int) async throws -> [JobSummary] {
        try await read { try SummaryRows.ended(before: moment, after: job, limit: limit, in: $0) }
    }

    package func events(after sequence: Int64, job: Int64?, limit: Int) async throws -> [QueueEvent] {
        try await read { try SummaryRows.events(after: sequence, job: job, limit: limit, in: $0) }
    }

    package func lastSequence() async throws -> Int64 {
        try await read { try SummaryRows.lastSequence(in: $0) }
    }

    package func unsuccessfulEnds(after sequence: Int64) async throws -> Int {
        try await read { database in
            try Int.fetchOne(
                database,
                sql: """
                    SELECT count(DISTINCT jobs.id) FROM events JOIN jobs ON jobs.id = events.job_id
                    WHERE events.seq > ? AND events.to_state IN ('failed', 'cancelled', 'quarantined')
                      AND jobs.state = events.to_state
                    """, arguments: [sequence]) ?? 0
        }
    }
}
