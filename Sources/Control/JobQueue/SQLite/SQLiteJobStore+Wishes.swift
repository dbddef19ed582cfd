import Foundation
import GRDB
package import JobModel

/// What people ask for: one transaction each, with the event that says who asked.
extension SQLiteJobStore {
    package func setWish(
        _ wish: JobWish, for job: Int64, onlyWaiting: Bool, actor: String, now: Timestamp
    ) async throws -> JobState {
        try await write(actor, now: now) { writer in
            if onlyWaiting, try writer.lifecycle(of: job).state.hasOpenAttempt {
                throw StoreError.refused("job \(job) runs; hone pause \(job) saves it, stops it and holds it")
            }
            try writer.record("wish", job: job, data: ["want": wish.rawValue])
            let reason = wish == .pause ? WaitReason.held(by: actor) : nil
            let next = try writer.apply(.wished(wish, ready: writer.isReady(job)), to: job, reason: reason)
            if next.state == .stopping { try writer.markStopping(job, fence: next.fence) }
            if next.state == .blocked { try writer.settle(job) }
            return try writer.lifecycle(of: job).state
        }
    }

    package func retry(_ job: Int64, actor: String, now: Timestamp) async throws -> JobState {
        try await write(actor, now: now) { writer in
            try writer.record("retry", job: job)
            // What is left of the waiting time after a failure. A time of day to wait for is over once the job ran.
            try writer.database.execute(
                sql: "UPDATE jobs SET not_before_ms = 0 WHERE id = ? AND fence > 0", arguments: [job])
            if try writer.lifecycle(of: job).state == .backoff {
                return try writer.apply(.backoffExpired, to: job).state
            }
            try writer.apply(.retried, to: job)
            if try !writer.isReady(job) {
                try writer.apply(.unready, to: job)
                try writer.settle(job)
            }
            return try writer.lifecycle(of: job).state
        }
    }

    package func setPriority(_ priority: Int, for job: Int64, actor: String, now: Timestamp) async throws {
        try await write(actor, now: now) { writer in
            let state = try writer.lifecycle(of: job).state
            guard !state.isFinished else { throw StoreError.refused("job \(job) has ended (\(state.rawValue))") }
            try writer.database.execute(
                sql: "UPDATE jobs SET priority = ? WHERE id = ?", arguments: [priority, job])
            try writer.record("priority", job: job, data: ["priority": priority])
        }
    }

    package func requestStop(of job: Int64, actor: String, now: Timestamp) async throws {
        try await write(actor, now: now) { writer in
            let fence = try writer.fenceOfRunning(job)
            try writer.record("stop_requested", job: job, attempt: fence)
            try writer.apply(.stopRequested, to: job)
            try writer.markStopping(job, fence: fence)
        }
    }

    package func requestCheckpoint(of job: Int64, actor: String, now: Timestamp) async throws {
        try await write(actor, now: now) { writer in
            try writer.record("ckpt_requested", job: job, attempt: writer.fenceOfRunning(job))
        }
    }

    package func source(of job: Int64) async throws -> [UInt8]? {
        try await read { database in
            try Data.fetchOne(database, sql: "SELECT source FROM jobs WHERE id = ?", arguments: [job])
                .map { [UInt8]($0) }
        }
    }

    package func replace(_ job: Int64, with other: NewJob, actor: String, now: Timestamp) async throws -> Int64 {
        try await write(actor, now: now) { writer in
            let old = try writer.replaceable(job)
            if let twin = try writer.jobThereIs(other, uid: old.uid) {
                throw StoreError.refused("idempotency_key: job \(twin) has it already")
            }
            let new = try writer.admit(other, uid: old.uid, facts: ["replaces": "\(job)"])
            try writer.database.execute(sql: "UPDATE jobs SET replaces = ? WHERE id = ?", arguments: [job, new])
            try writer.record("replaced", job: job, data: ["by": "\(new)"])
            try writer.apply(
                .wished(.cancel, ready: false), to: job,
                reason: .ended(outcome: .specError, detail: "replaced by job \(new)"))
            if old.isHeld {
                try writer.apply(.wished(.pause, ready: false), to: new, reason: .held(by: actor))
            }
            try writer.settle(new)
            return new
        }
    }
}

extension LifecycleWriter {
    /// The fence of a job that starts or runs.
    fileprivate func fenceOfRunning(_ job: Int64) throws -> Int64 {
        let lifecycle = try lifecycle(of: job)
        guard lifecycle.state == .starting || lifecycle.state == .running else {
            throw StoreError.refused("job \(job) is \(lifecycle.state.rawValue), not running")
        }
        return lifecycle.fence
    }

    fileprivate func markStopping(_ job: Int64, fence: Int64) throws {
        try database.execute(
            sql: "UPDATE attempts SET state = 'stopping' WHERE job_id = ? AND n = ? AND state <> 'ended'",
            arguments: [job, fence])
    }

    /// Frees the idempotency key of a job that may be replaced, or says why it may not.
    fileprivate func replaceable(_ job: Int64) throws -> (uid: Int64, isHeld: Bool) {
        let state = try lifecycle(of: job).state
        guard !state.isFinished, !state.hasOpenAttempt else {
            throw StoreError.refused("job \(job) is \(state.rawValue); only a job that waits can be edited")
        }
        let waiting = try Int64.fetchAll(
            database, sql: "SELECT job_id FROM deps WHERE on_id = ? ORDER BY job_id", arguments: [job])
        guard waiting.isEmpty else {
            let list = waiting.map(String.init).joined(separator: ", ")
            throw StoreError.refused("job \(job) cannot be replaced, since others wait for it: \(list)")
        }
        try database.execute(sql: "UPDATE jobs SET idem_key = NULL WHERE id = ?", arguments: [job])
        guard let uid = try Int64.fetchOne(database, sql: "SELECT uid FROM jobs WHERE id = ?", arguments: [job]) else {
            throw StoreError.noSuchJob(job)
        }
        return (uid, state == .held)
    }
}
