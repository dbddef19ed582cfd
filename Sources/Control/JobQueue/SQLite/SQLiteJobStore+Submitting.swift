import Foundation
import GRDB
package import JobModel

extension SQLiteJobStore {
    package func submissionInDrop(_ file: SubmittedFile, wasRead: Bool) async throws -> Submission? {
        try await read { try SubmissionRows.inDrop(file, wasRead: wasRead, in: $0) }
    }

    package func submit(_ job: NewJob, from file: SubmittedFile, now: Timestamp) async throws -> Submission {
        try await write(now: now) { writer in
            if let known = try SubmissionRows.inDrop(file, in: writer.database) { return known }
            if let twin = try writer.jobThereIs(job, uid: file.uid) {
                return try SubmissionRows.insert(file, .duplicate, job: twin, reason: nil, writer)
            }
            let id = try writer.admit(job, uid: file.uid, facts: ["file": file.name])
            let submission = try SubmissionRows.insert(file, .accepted, job: id, reason: nil, writer)
            try writer.settle(id)
            return submission
        }
    }

    package func accept(
        _ job: NewJob, from uid: Int64, actor: String, now: Timestamp
    ) async throws -> (job: Int64, isNew: Bool) {
        try await write(actor, now: now) { writer in
            if let twin = try writer.jobThereIs(job, uid: uid) { return (twin, false) }
            let id = try writer.admit(job, uid: uid, facts: ["from": "socket"])
            try writer.settle(id)
            return (id, true)
        }
    }

    package func reject(_ file: SubmittedFile, reason: String, now: Timestamp) async throws -> Submission {
        try await write(now: now) { writer in
            if let known = try SubmissionRows.inDrop(file, in: writer.database) { return known }
            try writer.record("job_rejected", job: nil, data: ["file": file.name, "reason": reason])
            return try SubmissionRows.insert(file, .rejected, job: nil, reason: reason, writer)
        }
    }

    package func markMoved(_ submission: Int64) async throws {
        try await write(now: Timestamp(milliseconds: 0)) { writer in
            try writer.database.execute(
                sql: "UPDATE submissions SET file_state = 'moved' WHERE id = ?", arguments: [submission])
        }
    }
}

extension LifecycleWriter {
    /// A new job with its dependencies and inputs, and the event that says so.
    func admit(_ job: NewJob, uid: Int64, facts: [String: String]) throws -> Int64 {
        let id = try insert(job, uid: uid)
        try record("job_accepted", job: id, to: lifecycle(of: id).state, data: facts)
        try addDependencies(of: job.spec, to: id, uid: uid)
        try bindWaiting(for: job.spec.name, to: id, uid: uid)
        for pin in job.inputs { try InputRows.insert(pin, of: id, in: database) }
        return id
    }

    /// The job that this idempotency key already stands for.
    func jobThereIs(_ job: NewJob, uid: Int64) throws -> Int64? {
        guard let key = job.spec.idempotencyKey,
            let row = try Row.fetchOne(
                database, sql: "SELECT id, spec_sha256 FROM jobs WHERE uid = ? AND idem_key = ?", arguments: [uid, key])
        else { return nil }
        let id: Int64 = row["id"]
        guard Hexadecimal.text(row["spec_sha256"]) == job.specSHA256 else {
            throw StoreError.refused(
                "idempotency_key: \"\(key)\" belongs to job \(id), which asks for something else; choose another key")
        }
        return id
    }

    /// A job is born blocked (or held) and becomes queued when its dependencies and inputs allow it.
    ///
    /// - Parameter number: the number it had in a queue that was lost; nil: the next one.
    func insert(_ job: NewJob, uid: Int64, number: Int64? = nil) throws -> Int64 {
        let birth = Lifecycle.birth(hold: job.spec.hold, isReady: false)
        let spec = job.spec
        let reason = birth.state == .held ? WaitReason.held(by: "its specification") : nil
        try database.execute(
            sql: """
                INSERT INTO jobs(id, name, method, queue, uid, idem_key, source, spec, spec_sha256, spec_version, priority,
                  not_before_ms, cpus, mem_bytes, disk_bytes, time_limit_s, max_failures, state, state_since_ms, want,
                  reason, submitted_ms)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                number, spec.name, spec.method.rawValue, spec.queue, uid, spec.idempotencyKey, Data(job.source),
                Data(job.canonical), try Hexadecimal.bytes(job.specSHA256), spec.version, spec.priority,
                spec.notBefore?.milliseconds ?? 0, spec.resources.cpus, job.memory, job.disk,
                max(1, spec.resources.timeLimit.value / 1000), spec.retry.maxFailures, birth.state.rawValue,
                now.milliseconds, birth.wish.rawValue,
                try reason.map { String(decoding: try JSONCoding.encode($0), as: UTF8.self) }, now.milliseconds,
            ])
        return database.lastInsertedRowID
    }
}

/// Records of examined files.
enum SubmissionRows {
    static func inDrop(_ file: SubmittedFile, wasRead: Bool = true, in database: Database) throws -> Submission? {
        try Row.fetchOne(
            database,
            sql: """
                SELECT submissions.*, jobs.name AS job_name
                FROM submissions LEFT JOIN jobs ON jobs.id = submissions.job_id
                WHERE dev = ? AND ino = ? AND mtime_ns = ? AND size = ? AND (sha256 = ? OR NOT ?)
                  AND file_state = 'in_drop' ORDER BY submissions.id DESC
                """,
            arguments: [
                file.device, file.inode, file.modifiedNanoseconds, file.size, try Hexadecimal.bytes(file.sha256),
                wasRead,
            ]
        ).map(submission)
    }

    static func insert(
        _ file: SubmittedFile, _ outcome: Submission.Outcome, job: Int64?, reason: String?, _ writer: LifecycleWriter
    ) throws -> Submission {
        try writer.database.execute(
            sql: """
                INSERT INTO submissions(dev, ino, mtime_ns, size, sha256, name, uid, outcome, job_id, reason, seen_ms)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                file.device, file.inode, file.modifiedNanoseconds, file.size, try Hexadecimal.bytes(file.sha256),
                file.name,
                file.uid, outcome.rawValue, job, reason, writer.now.milliseconds,
            ])
        let name = try job.flatMap {
            try String.fetchOne(writer.database, sql: "SELECT name FROM jobs WHERE id = ?", arguments: [$0])
        }
        return Submission(
            id: writer.database.lastInsertedRowID, fileName: file.name, outcome: outcome, job: job, jobName: name,
            reason: reason)
    }

    private static func submission(_ row: Row) throws -> Submission {
        Submission(
            id: row["id"], fileName: row["name"], outcome: try row.decoded("outcome"), job: row["job_id"],
            jobName: row["job_name"], reason: row["reason"])
    }
}
