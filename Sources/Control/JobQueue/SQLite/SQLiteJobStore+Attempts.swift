import Foundation
import GRDB
package import JobModel

// MARK: - Scheduling

extension SQLiteJobStore {
    package func queuedJobs() async throws -> [WaitingJob] {
        let mirror = queuedMirror
        return try await read { try mirror.jobs(in: $0) }
    }

    package func claim(_ job: Int64, cores: [Int], memory: Int64, now: Timestamp) async throws -> ClaimedJob? {
        try await write(now: now) { writer in
            let before = try writer.lifecycle(of: job)
            guard case .becomes = before.applying(.claimed) else { return nil }
            let fence = try writer.apply(.claimed, to: job).fence
            try writer.database.execute(
                sql: """
                    INSERT INTO attempts(job_id, n, state, cpu_list, mem_bytes, created_ms)
                    VALUES (?, ?, 'created', ?, ?, ?)
                    """,
                arguments: [job, fence, cores.map(String.init).joined(separator: ","), memory, now.milliseconds])
            return try writer.claimed(job, fence: fence)
        }
    }

    package func backoffs() async throws -> [Backoff] {
        try await read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT id, fence, not_before_ms, state_since_ms FROM jobs INDEXED BY jobs_live
                    WHERE state NOT IN ('succeeded', 'failed', 'cancelled') AND state = 'backoff' ORDER BY id
                    """
            ).map { row in
                Backoff(
                    job: row["id"], fence: row["fence"], since: row.moment("state_since_ms"),
                    until: row.moment("not_before_ms"))
            }
        }
    }

    package func endBackoffs(of jobs: [Int64], now: Timestamp) async throws {
        guard !jobs.isEmpty else { return }
        try await write(now: now) { writer in
            for job in jobs where try writer.lifecycle(of: job).state == .backoff {
                try writer.apply(.backoffExpired, to: job)
                // The end of the wait; by a clock that was set back it might still be to come.
                try writer.database.execute(sql: "UPDATE jobs SET not_before_ms = 0 WHERE id = ?", arguments: [job])
            }
        }
    }
}

extension LifecycleWriter {
    fileprivate func claimed(_ job: Int64, fence: Int64) throws -> ClaimedJob {
        guard
            let row = try Row.fetchOne(
                database,
                sql: "SELECT name, spec, spec_sha256, \(AttemptRows.runningTime) AS ran_ms FROM jobs WHERE id = ?",
                arguments: [job])
        else { throw StoreError.noSuchJob(job) }
        return ClaimedJob(
            id: job, name: row["name"], fence: fence, spec: [UInt8](row["spec"] as Data),
            specSHA256: Hexadecimal.text(row["spec_sha256"]), inputs: try InputRows.of(job, in: database),
            dependencies: try dependencies(of: job), ran: Milliseconds(row["ran_ms"]))
    }
}

// MARK: - What happens to an attempt

extension SQLiteJobStore {
    package func attemptSpawned(
        _ job: Int64, fence: Int64, pid: Int32, startTicks: UInt64, bootID: String, now: Timestamp
    ) async throws {
        try await update(
            job, fence, now, "state = 'spawned', pid = ?, start_ticks = ?, boot_id = ?, spawned_ms = ?",
            [pid, Int64(bitPattern: startTicks), bootID, now.milliseconds])
    }

    package func attemptRunning(_ job: Int64, fence: Int64, resumeStep: Int64, now: Timestamp) async throws {
        try await update(
            job, fence, now, "state = 'running', resume_step = ?, last_step = ?, last_beat_ms = ?",
            [resumeStep, resumeStep, now.milliseconds]
        ) { writer in
            // A stop may have been asked for before the lock was held; then the job goes on stopping.
            if try writer.lifecycle(of: job).state == .starting { try writer.apply(.lockHeld, to: job) }
        }
    }

    package func attemptProgressed(_ job: Int64, fence: Int64, step: Int64, now: Timestamp) async throws {
        try await update(
            job, fence, now, "last_step = max(coalesce(last_step, 0), ?), last_beat_ms = ?", [step, now.milliseconds])
    }

    package func attemptStopping(_ job: Int64, fence: Int64, now: Timestamp) async throws {
        try await update(job, fence, now, "state = 'stopping'", []) { try $0.apply(.stopRequested, to: job) }
    }

    package func checkpointSaved(
        _ job: Int64, fence: Int64, _ checkpoint: CheckpointEvent, now: Timestamp
    ) async throws {
        let manifest = try Hexadecimal.bytes(checkpoint.manifestSha256)
        try await update(
            job, fence, now, "last_step = max(coalesce(last_step, 0), ?), last_beat_ms = ?",
            [checkpoint.step, now.milliseconds]
        ) { writer in
            try writer.database.execute(
                sql: """
                    INSERT INTO checkpoints(job_id, step, attempt, dir, manifest_sha256, bytes, created_ms)
                    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                    """,
                arguments: [job, checkpoint.step, fence, checkpoint.dir, manifest, checkpoint.bytes, now.milliseconds])
            try writer.record("checkpoint", job: job, attempt: fence, data: ["step": checkpoint.step])
        }
    }

    package func attemptEnded(
        _ job: Int64, fence: Int64, _ ending: AttemptEnding, detail: String, step: Int64,
        exit: (code: Int32?, signal: Int32?), usage: WorkerUsage?, policy: RetryPolicy?, now: Timestamp
    ) async throws -> JobState {
        let (code, signal) = exit
        try await update(
            job, fence, now,
            """
            state = 'ended', outcome = ?, detail = ?, last_step = max(coalesce(last_step, 0), ?), exit_code = ?,
            term_signal = ?, max_rss = ?, cpu_ms = ?, ended_ms = ?
            """,
            [ending.outcome.rawValue, detail, step, code, signal, usage?.maxRss, usage?.cpuMs, now.milliseconds]
        ) { writer in
            try writer.finishAttempt(job, fence: fence, ending, detail: detail, policy: policy)
        }
        return try await read { database in
            try LifecycleWriter(database: database, actor: "", now: now).lifecycle(of: job).state
        }
    }

    package func openAttempts() async throws -> [OpenAttempt] {
        try await read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT attempts.*, jobs.name FROM attempts INDEXED BY attempts_one_open
                    JOIN jobs ON jobs.id = attempts.job_id WHERE attempts.state <> 'ended' ORDER BY attempts.job_id
                    """
            ).map { row in
                OpenAttempt(
                    job: row["job_id"], name: row["name"], fence: row["n"], pid: row["pid"],
                    startTicks: (row["start_ticks"] as Int64?).map { UInt64(bitPattern: $0) }, bootID: row["boot_id"])
            }
        }
    }

    /// Changes the open attempt with this fence and does `then` in the same transaction. If it is not the open one,
    /// nothing changes, that is recorded, and the caller hears of it.
    private func update(
        _ job: Int64, _ fence: Int64, _ now: Timestamp, _ assignments: String,
        _ values: [(any DatabaseValueConvertible & Sendable)?],
        then: @escaping @Sendable (LifecycleWriter) throws -> Void = { _ in }
    ) async throws {
        let isCurrent = try await write(now: now) { writer in
            try writer.database.execute(
                sql: """
                    UPDATE attempts SET \(assignments) WHERE job_id = ? AND n = ? AND state <> 'ended'
                      AND n = (SELECT fence FROM jobs WHERE id = ?)
                    """, arguments: StatementArguments(values + [job, fence, job]))
            guard writer.database.changesCount == 1 else {
                try writer.record("stale_write_refused", job: job, attempt: fence)
                return false
            }
            try then(writer)
            return true
        }
        guard isCurrent else { throw StoreError.staleWrite(job: job, fence: fence) }
    }
}

extension LifecycleWriter {
    /// What becomes of a job whose attempt has just been marked as ended.
    fileprivate func finishAttempt(
        _ job: Int64, fence: Int64, _ ending: AttemptEnding, detail: String, policy: RetryPolicy?
    ) throws {
        let step =
            try Int64.fetchOne(
                database, sql: "SELECT last_step FROM attempts WHERE job_id = ? AND n = ?", arguments: [job, fence])
            ?? 0
        let policy = try policy ?? SpecificationRow.of(job, in: database).retry
        let report = AttemptReport(
            ending, lastStep: step, repeats: try repeats(job, ending.outcome, step), policy: policy, now: now,
            jitter: Double.random(in: 0..<1))
        try record(
            "attempt_ended", job: job, attempt: fence, data: ["outcome": ending.outcome.rawValue, "detail": detail])
        let next = try apply(.attemptEnded(report), to: job, reason: nil)
        if let reason = reason(for: next, ending.outcome, detail) { try annotate(job, reason) }
    }

    /// Newest failures in a row that ended like this at this step; interruptions in between do not count.
    private func repeats(_ job: Int64, _ outcome: AttemptOutcome, _ step: Int64) throws -> Int {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT outcome, last_step FROM attempts WHERE job_id = ? AND state = 'ended'
                  AND outcome NOT IN ('checkpointed', 'killed', 'lost_reboot', 'lost_daemon')
                ORDER BY n DESC LIMIT ?
                """, arguments: [job, RetryPolicy.poisonLimit])
        return rows.prefix { $0["outcome"] == outcome.rawValue && ($0["last_step"] as Int64?) ?? 0 == step }.count
    }

    private func reason(for next: Lifecycle, _ outcome: AttemptOutcome, _ detail: String) -> WaitReason? {
        switch next.state {
        case .backoff: next.backoffUntil.map { .backoff(until: $0, after: outcome) }
        case .failed, .quarantined: .ended(outcome: outcome, detail: detail)
        case .held: .held(by: "its owner")
        default: nil
        }
    }

    private func annotate(_ job: Int64, _ reason: WaitReason) throws {
        try database.execute(
            sql: "UPDATE jobs SET reason = ? WHERE id = ?",
            arguments: [String(decoding: try JSONCoding.encode(reason), as: UTF8.self), job])
    }
}
