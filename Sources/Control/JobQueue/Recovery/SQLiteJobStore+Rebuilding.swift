import Foundation
import GRDB
package import JobModel

extension SQLiteJobStore {
    /// Begins a queue at `path`, where nobody looks for one, as a copy of `base` or empty. The caller closes it and
    /// gives it its name.
    ///
    /// Throws `databaseRefused` for a base that is damaged, foreign or newer than this program.
    package static func draft(at path: String, from base: String?, now: Timestamp) throws(StoreError) -> SQLiteJobStore {
        do {
            for suffix in ["", "-wal", "-shm", "-journal"] { try FileSystem.removeIfThere(path + suffix) }
            if let base {
                try QueueCopy.check(base)
                try FileManager.default.copyItem(atPath: base, toPath: path)
            }
            let queue = try DatabaseQueue(path: path, configuration: QueueConnection.writing())
            try QueueMigrator.make().migrate(queue)
            return SQLiteJobStore(queue)
        } catch {
            throw StoreError(any: error, at: path)
        }
    }

    /// Adds jobs that only their files know, and brings the others to where their files say they are. In order of
    /// number, so that names are bound as they were.
    package func rebuild(_ jobs: [RecoveredJob], now: Timestamp) async throws -> RebuildCounts {
        try await write("recover", now: now) { writer in
            var counts = RebuildCounts()
            for job in jobs.sorted(by: { $0.id < $1.id }) {
                let isKnown = try writer.knows(job)
                if !isKnown { try writer.add(job) }
                let moved = try writer.bringForward(job)
                if !isKnown {
                    counts.added += 1
                } else if moved {
                    counts.broughtForward += 1
                } else {
                    counts.unchanged += 1
                }
            }
            return counts
        }
    }

    /// Makes sure that no number up to this one is given to a new job.
    package func keepNumbersFree(upTo number: Int64) async throws {
        try await write("recover", now: Timestamp(milliseconds: 0)) { writer in
            let database = writer.database
            try database.execute(sql: "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'jobs'", arguments: [number])
            guard database.changesCount == 0 else { return }
            try database.execute(sql: "INSERT INTO sqlite_sequence(name, seq) VALUES ('jobs', ?)", arguments: [number])
        }
    }

    /// How many jobs have not ended, and how many there are in all.
    package func census() async throws -> (live: Int, all: Int) {
        try await read { database in
            let live = try Int.fetchOne(
                database, sql: "SELECT count(*) FROM jobs WHERE state NOT IN ('succeeded', 'failed', 'cancelled')")
            return (live ?? 0, try Int.fetchOne(database, sql: "SELECT count(*) FROM jobs") ?? 0)
        }
    }
}

extension LifecycleWriter {
    /// Whether the queue has this job; another job under its number is an error.
    fileprivate func knows(_ recovered: RecoveredJob) throws -> Bool {
        guard
            let row = try Row.fetchOne(
                database, sql: "SELECT name, spec_sha256 FROM jobs WHERE id = ?", arguments: [recovered.id])
        else { return false }
        guard row["name"] == recovered.job.spec.name, Hexadecimal.text(row["spec_sha256"]) == recovered.job.specSHA256
        else {
            throw StoreError.refused(
                "job \(recovered.id): the copy of the queue has another job under this number; its name there is "
                    + "\(row["name"] as String), in its files \(recovered.job.spec.name)")
        }
        return true
    }

    /// As at its admission, under the number it had.
    fileprivate func add(_ recovered: RecoveredJob) throws {
        let (spec, uid) = (recovered.job.spec, recovered.file.uid)
        let id = try insert(recovered.job, uid: uid, number: recovered.id)
        try database.execute(
            sql: "UPDATE jobs SET submitted_ms = ? WHERE id = ?", arguments: [recovered.submitted.milliseconds, id])
        try record("job_recovered", job: id, to: lifecycle(of: id).state, data: ["file": recovered.file.name])
        do {
            try addDependencies(of: spec, to: id, uid: uid)
        } catch StoreError.refused(let reason) {
            // A job it waits for left no trace, so it can never be told that it has succeeded.
            try apply(
                .dependencyBroken(cancel: false), to: id, reason: .ended(outcome: .dataError, detail: reason))
        }
        try bindWaiting(for: spec.name, to: id, uid: uid)
        let submission = try SubmissionRows.insert(recovered.file, .accepted, job: id, reason: nil, self)
        if !recovered.isInDrop {
            try database.execute(
                sql: "UPDATE submissions SET file_state = 'moved' WHERE id = ?", arguments: [submission.id])
        }
        try settle(id)
    }

    /// Moves a job to where its files say it is; whether anything changed.
    fileprivate func bringForward(_ recovered: RecoveredJob) throws -> Bool {
        let before = try lifecycle(of: recovered.id)
        if before.state == .succeeded { return false }
        if case .succeeded(let result) = recovered.standing {
            try succeed(recovered.id, result)
            return true
        }
        if before.state.isFinished || before.state == .quarantined {
            guard recovered.fence > before.fence else { return false }
            try apply(.retried, to: recovered.id)
        }
        if before.state.hasOpenAttempt {
            // The same attempt: the daemon's own recovery asks its lock and its files.
            if recovered.standing == .live, recovered.fence <= before.fence { return false }
            try endLost(recovered.id, fence: before.fence)
        }
        return try rest(recovered)
    }

    /// An attempt that the copy has as running, and that others have followed.
    private func endLost(_ job: Int64, fence: Int64) throws {
        try database.execute(
            sql: """
                UPDATE attempts SET state = 'ended', outcome = 'lost_daemon', detail = 'ended before the queue was rebuilt',
                  ended_ms = ? WHERE job_id = ? AND n = ? AND state <> 'ended'
                """, arguments: [now.milliseconds, job, fence])
        try apply(.attemptEnded(report(.lostDaemon, step: 0)), to: job)
    }

    private func report(_ outcome: AttemptOutcome, step: Int64) -> AttemptReport {
        AttemptReport(AttemptEnding(outcome), lastStep: step, repeats: 0, policy: RetryPolicy(), now: now)
    }

    /// A job without a result and without an open attempt.
    private func rest(_ recovered: RecoveredJob) throws -> Bool {
        let (id, before) = (recovered.id, try lifecycle(of: recovered.id))
        switch recovered.standing {
        case .succeeded: return false
        case .failed(let reason):
            try raise(id, to: recovered.fence)
            if before.state == .queued { try apply(.unready, to: id) }
            if before.state == .backoff { try apply(.wished(.pause, ready: false), to: id) }
            try end(id, because: reason)
        case .quarantined(let reason):
            try claimByHand(id, fence: max(recovered.fence, before.fence))
            try move(id, to: .quarantined)
            try explain(id, .ended(outcome: .crash, detail: reason))
        case .cancelled:
            try raise(id, to: recovered.fence)
            if !before.state.isFinished { try apply(.wished(.cancel, ready: false), to: id) }
        case .held:
            try raise(id, to: recovered.fence)
            guard before.state != .held else { return recovered.fence > before.fence }
            try apply(.wished(.pause, ready: false), to: id, reason: .held(by: "its owner, before the queue was rebuilt"))
        case .live:
            guard recovered.fence > before.fence else { return false }
            try raise(id, to: recovered.fence)
        }
        return true
    }

    private func end(_ id: Int64, because reason: String) throws {
        let state = try lifecycle(of: id).state
        guard state == .blocked || state == .held else { return }
        try apply(.dependencyBroken(cancel: false), to: id, reason: .ended(outcome: .crash, detail: reason))
    }

    /// Records the success that a result proves.
    private func succeed(_ id: Int64, _ result: ResultRecord) throws {
        let before = try lifecycle(of: id)
        if before.state.isFinished || before.state == .quarantined { try apply(.retried, to: id) }
        if before.state.hasOpenAttempt {
            // The attempt that wrote the result is left to the daemon's own recovery; an older one ends here.
            guard result.fence > before.fence else { return }
            try endLost(id, fence: before.fence)
        }
        let fence = max(result.fence, try lifecycle(of: id).fence + 1)
        try claimByHand(id, fence: fence)
        try database.execute(
            sql: """
                INSERT INTO attempts(job_id, n, state, outcome, detail, last_step, max_rss, cpu_ms, created_ms, ended_ms)
                VALUES (?, ?, 'ended', 'success', ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id, fence, result.detail, result.steps, result.usage?.maxRss, result.usage?.cpuMs,
                result.finished.milliseconds, result.finished.milliseconds,
            ])
        try apply(.attemptEnded(report(.success, step: result.steps)), to: id)
    }

    /// As a claim, under the number that the attempt had.
    private func claimByHand(_ id: Int64, fence: Int64) throws {
        switch try lifecycle(of: id).state {
        case .blocked: try apply(.ready, to: id)
        case .backoff: try apply(.backoffExpired, to: id)
        case .held: try apply(.wished(.run, ready: true), to: id)
        case .queued, .starting, .running, .stopping, .succeeded, .failed, .cancelled, .quarantined: break
        }
        try raise(id, to: fence)
        try move(id, to: .starting)
    }

    private func move(_ id: Int64, to state: JobState) throws {
        let before = try lifecycle(of: id)
        try database.execute(
            sql: "UPDATE jobs SET state = ?, state_since_ms = ?, finished_ms = NULL WHERE id = ?",
            arguments: [state.rawValue, now.milliseconds, id])
        try record("state", job: id, attempt: before.fence, from: before.state, to: state)
    }

    private func raise(_ id: Int64, to fence: Int64) throws {
        try database.execute(sql: "UPDATE jobs SET fence = max(fence, ?) WHERE id = ?", arguments: [fence, id])
    }
}
