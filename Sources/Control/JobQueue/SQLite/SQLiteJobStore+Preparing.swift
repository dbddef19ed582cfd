import Foundation
import GRDB
package import JobModel

extension SQLiteJobStore {
    package func blockedJobs() async throws -> [WaitingJob] {
        try await read { try WaitingRows.blocked(in: $0) }.sorted { $0.id < $1.id }
    }

    package func addInputs(_ pins: [InputPin], to job: Int64, now: Timestamp) async throws {
        try await write(now: now) { writer in
            for pin in pins { try InputRows.insert(pin, of: job, in: writer.database) }
            try writer.settle(job)
        }
    }

    package func pinInputs(_ pins: [Int64: [InputPin]], now: Timestamp) async throws {
        guard !pins.isEmpty else { return }
        try await write(now: now) { writer in
            for (job, pins) in pins.sorted(by: { $0.key < $1.key }) {
                for pin in pins { try InputRows.pin(pin, of: job, in: writer.database) }
                try writer.settle(job)
            }
        }
    }

    package func reserve(_ job: Int64, memory: Int64, disk: Int64) async throws {
        try await write(now: Timestamp(milliseconds: 0)) { writer in
            try writer.database.execute(
                sql: """
                    UPDATE jobs SET mem_bytes = ?, disk_bytes = ?
                    WHERE id = ? AND state IN ('held', 'blocked', 'queued', 'backoff')
                    """, arguments: [memory, disk, job])
            guard writer.database.changesCount == 1 else {
                throw StoreError.refused("job \(job) is not waiting; its reservation stays")
            }
        }
    }

    package func fail(_ job: Int64, outcome: AttemptOutcome, detail: String, now: Timestamp) async throws {
        try await write(now: now) { writer in
            let state = try writer.lifecycle(of: job).state
            if state == .queued { try writer.apply(.unready, to: job) }
            try writer.apply(
                .dependencyBroken(cancel: false), to: job, reason: .ended(outcome: outcome, detail: detail))
        }
    }

    package func explain(_ reasons: [Int64: WaitReason]) async throws {
        guard !reasons.isEmpty else { return }
        try await write(now: Timestamp(milliseconds: 0)) { writer in
            for (job, reason) in reasons.sorted(by: { $0.key < $1.key }) { try writer.explain(job, reason) }
        }
    }
}
