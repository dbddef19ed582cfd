import Foundation
import GRDB
package import JobModel

extension SQLiteJobStore {
    package func submissionsInDrop(
        _ files: [(file: SubmittedFile, wasRead: Bool)]
    ) async throws -> [Submission?] {
        try await read { database in
            try files.map { try SubmissionRows.inDrop($0.file, wasRead: $0.wasRead, in: database) }
        }
    }

    package func ingest(
        _ drops: [ExaminedDrop], moved: [Int64], now: Timestamp
    ) async throws -> [DropVerdict] {
        try await write(now: now) { writer in
            try SubmissionRows.markMoved(moved, in: writer.database)
            return try drops.map { drop in
                do {
                    return .recorded(try writer.ingest(drop))
                } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                    return .refused(reason: error.message ?? "\(error)")
                } catch StoreError.refused(let reason) {
                    return .refused(reason: reason)
                }
            }
        }
    }

    package func accept(
        _ job: NewJob, from uid: Int64, actor: String, now: Timestamp
    ) async throws -> (job: Int64, isNew: Bool) {
        try await write(actor, now: now) { writer in
            if let twin = try writer.jobThereIs(job, uid: uid) { return (twin, false) }
            let id = try writer.admit(job, uid: uid, facts: ["from": "socket"])
            try writer.settle(id, specification: job.spec)
            return (id, true)
        }
    }

    package func markMoved(_ submissions: [Int64]) async throws {
        guard !submissions.isEmpty else { return }
        try await write(now: Timestamp(milliseconds: 0)) { try SubmissionRows.markMoved(submissions, in: $0.database) }
    }

    package func unmovedSubmissions() async throws -> [(id: Int64, file: SubmittedFile)] {
        try await read { try SubmissionRows.unmoved(in: $0) }
    }
}

extension LifecycleWriter {
    /// Records one file whole, or nothing of it.
    fileprivate func ingest(_ drop: ExaminedDrop) throws -> Submission {
        if let known = try SubmissionRows.inDrop(drop.file, in: database) { return known }
        var submission: Submission?
        try database.inSavepoint {
            submission =
                switch drop.decision {
                case .accept(let job): try submit(job, from: drop.file)
                case .reject(let reason): try reject(drop.file, reason)
                }
            return .commit
        }
        guard let submission else { throw StoreError.unavailable("nothing was recorded of \(drop.file.name)") }
        return submission
    }

    private func submit(_ job: NewJob, from file: SubmittedFile) throws -> Submission {
        if let twin = try jobThereIs(job, uid: file.uid) {
            return try SubmissionRows.insert(file, .duplicate, job: twin, reason: nil, self)
        }
        let id = try admit(job, uid: file.uid, facts: ["file": file.name])
        let submission = try SubmissionRows.insert(file, .accepted, job: id, reason: nil, self)
        try settle(id, specification: job.spec)
        return submission
    }

    private func reject(_ file: SubmittedFile, _ reason: String) throws -> Submission {
        try record("job_rejected", job: nil, data: ["file": file.name, "reason": reason])
        return try SubmissionRows.insert(file, .rejected, job: nil, reason: reason, self)
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
        try database.executeCached(
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
        try database.rowsCached(
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
        ).first.map(submission)
    }

    static func insert(
        _ file: SubmittedFile, _ outcome: Submission.Outcome, job: Int64?, reason: String?, _ writer: LifecycleWriter
    ) throws -> Submission {
        try writer.database.executeCached(
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

    static func markMoved(_ submissions: [Int64], in database: Database) throws {
        let statement = try database.cachedStatement(sql: "UPDATE submissions SET file_state = 'moved' WHERE id = ?")
        for submission in submissions { try statement.execute(arguments: [submission]) }
    }

    static func unmoved(in database: Database) throws -> [(id: Int64, file: SubmittedFile)] {
        try Row.fetchAll(
            database,
            sql: "SELECT * FROM submissions INDEXED BY submissions_live WHERE file_state = 'in_drop' ORDER BY id"
        ).map { row in
            (
                row["id"],
                SubmittedFile(
                    name: row["name"], uid: row["uid"], device: row["dev"], inode: row["ino"],
                    modifiedNanoseconds: row["mtime_ns"], size: row["size"], sha256: Hexadecimal.text(row["sha256"]))
            )
        }
    }

    private static func submission(_ row: Row) throws -> Submission {
        Submission(
            id: row["id"], fileName: row["name"], outcome: try row.decoded("outcome"), job: row["job_id"],
            jobName: row["job_name"], reason: row["reason"])
    }
}
