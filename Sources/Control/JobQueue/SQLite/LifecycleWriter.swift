import Foundation
import GRDB
import JobModel

/// Carries out what the state machine decides, inside a transaction of the caller.
struct LifecycleWriter {
    let database: Database
    let actor: String
    let now: Timestamp

    /// How a job stands.
    func lifecycle(of job: Int64) throws -> Lifecycle {
        guard
            let row = try database.rowsCached(
                sql: """
                    SELECT state, want, fence, failures, interruptions, best_step, not_before_ms FROM jobs WHERE id = ?
                    """, arguments: [job]
            ).first
        else { throw StoreError.noSuchJob(job) }
        let state: JobState = try row.decoded("state")
        return Lifecycle(
            state: state, wish: try row.decoded("want"), fence: row["fence"], failures: row["failures"],
            interruptions: row["interruptions"], bestStep: row["best_step"],
            backoffUntil: state == .backoff ? Timestamp(milliseconds: row["not_before_ms"]) : nil)
    }

    /// Applies an event and everything that follows from it for other jobs; throws `refused` if it does not apply.
    @discardableResult
    func apply(_ event: LifecycleEvent, to job: Int64, reason: WaitReason? = nil) throws -> Lifecycle {
        let before = try lifecycle(of: job)
        switch before.applying(event) {
        case .refused(let why): throw StoreError.refused("job \(job): \(why)")
        case .becomes(let next, let path):
            try write(next, path: path, of: job, from: before, reason: reason)
            // Also when it has not ended: what its dependants say they wait for names its state.
            if !path.isEmpty { try settleDependants(of: job) }
            return next
        }
    }

    /// Records something that happened.
    func record(
        _ type: String, job: Int64?, attempt: Int64? = nil, from: JobState? = nil, to: JobState? = nil,
        data: (any Encodable & Sendable)? = nil
    ) throws {
        let json = try data.map { String(decoding: try JSONCoding.encode($0), as: UTF8.self) }
        try database.executeCached(
            sql: """
                INSERT INTO events(ts_ms, job_id, attempt, type, from_state, to_state, actor, data)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [now.milliseconds, job, attempt, type, from?.rawValue, to?.rawValue, actor, json])
    }

    /// One statement per state, so that the triggers see every move. The last carries all that changes, as success is
    /// final.
    private func write(
        _ next: Lifecycle, path: [JobState], of job: Int64, from before: Lifecycle, reason: WaitReason?
    ) throws {
        var here = before.state
        for state in path.dropLast() {
            try database.executeCached(
                sql: "UPDATE jobs SET state = ?, state_since_ms = ? WHERE id = ? AND fence = ?",
                arguments: [state.rawValue, now.milliseconds, job, before.fence])
            try record("state", job: job, attempt: before.fence, from: here, to: state)
            here = state
        }
        let json = try reason.map { String(decoding: try JSONCoding.encode($0), as: UTF8.self) }
        try database.executeCached(
            sql: """
                UPDATE jobs SET state = :state, want = :want, fence = :fence, failures = :failures,
                  interruptions = :interruptions, best_step = :best_step, reason = :reason,
                  state_since_ms = CASE WHEN state = :state THEN state_since_ms ELSE :now END,
                  finished_ms = CASE WHEN :finished THEN :now ELSE NULL END,
                  not_before_ms = coalesce(:until, not_before_ms)
                WHERE id = :id AND fence = :old
                """,
            arguments: [
                "state": next.state.rawValue, "want": next.wish.rawValue, "fence": next.fence,
                "failures": next.failures, "interruptions": next.interruptions, "best_step": next.bestStep,
                "reason": json, "now": now.milliseconds, "finished": next.state.isFinished,
                "until": next.backoffUntil?.milliseconds, "id": job, "old": before.fence,
            ])
        if here != next.state {
            try record("state", job: job, attempt: next.fence, from: here, to: next.state, data: reason)
        }
    }
}

extension Database {
    /// Executes a statement that is prepared once: what is done for each of many jobs takes longer to prepare than to do.
    func executeCached(sql: String, arguments: StatementArguments) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }

    /// The rows of a statement that is prepared once.
    func rowsCached(sql: String, arguments: StatementArguments) throws -> [Row] {
        try Row.fetchAll(cachedStatement(sql: sql), arguments: arguments)
    }
}

extension Row {
    /// A column that holds a word of an enumeration.
    func decoded<Value: RawRepresentable<String>>(_ column: String) throws -> Value {
        try Self.decoded(self[column], column)
    }

    /// The same by the position of the column.
    func decoded<Value: RawRepresentable<String>>(_ position: Int) throws -> Value {
        try Self.decoded(self[position], "column \(position)")
    }

    private static func decoded<Value: RawRepresentable<String>>(_ text: String, _ column: String) throws -> Value {
        guard let value = Value(rawValue: text) else {
            throw StoreError.refused("the database holds \"\(text)\" in \(column), which this program does not know")
        }
        return value
    }

    /// A column that may hold a word of an enumeration.
    func decodedOptional<Value: RawRepresentable<String>>(_ column: String) throws -> Value? {
        self[column] == nil ? nil : try decoded(column) as Value
    }

    /// A column of milliseconds.
    func moment(_ column: String) -> Timestamp { Timestamp(milliseconds: self[column]) }

    /// A column that may hold milliseconds.
    func optionalMoment(_ column: String) -> Timestamp? {
        (self[column] as Int64?).map { Timestamp(milliseconds: $0) }
    }
}
