package import JobModel
import JobQueue
import Logging

/// What those are told who dropped a file and wait for what becomes of it.
extension Supervisor {
    /// What became of a file in the drop directory; nil if nothing is known after `patience`.
    package func outcome(of drop: DropRequest, patience: Duration) async -> DropAnswer? {
        // A file that lies there is not that of the answer, even if it has the inode of one that is gone.
        if !spool.holds(DropName(drop.name), inode: drop.inode), let known = settledDrops[drop] { return known }
        guard !hasEnded else { return nil }
        spool.look(at: DropName(drop.name), now: time.monotonic)
        wake.signal()
        dropWaiters.newest += 1
        let number = dropWaiters.newest
        let timer = Task {
            try? await Task.sleep(for: patience)
            giveUp(drop, number)
        }
        defer { timer.cancel() }
        return await withCheckedContinuation { dropWaiters.waiting[drop, default: [:]][number] = $0 }
    }

    /// Remembers what became of a file, and tells those who wait for it.
    func tell(_ submission: Submission, _ drop: DropRequest) {
        settledDrops.note(submission, drop)
        let answer = settledDrops[drop]
        for continuation in (dropWaiters.waiting.removeValue(forKey: drop) ?? [:]).values {
            continuation.resume(returning: answer)
        }
    }

    /// The `status.json` of jobs without a worker, for those who may not read the queue.
    func showWaiting(_ jobs: [Int64]) async throws {
        guard !jobs.isEmpty else { return }
        for summary in try await store.summaries(of: jobs) where active[summary.id] == nil {
            guard let method = Method(rawValue: summary.method) else { continue }
            var record = StatusRecord(
                job: summary.id, name: summary.name, method: method, state: summary.state, attempt: summary.attempt,
                updated: time.wall)
            record.reason = summary.reason?.description
            board.begin(record, in: root.run(summary.id, summary.name))
            board.end(summary.id, now: time.monotonic, wall: time.wall, logger: logger)
        }
    }

    /// As `showWaiting`, after something was decided and is done: a display that fails takes nothing of it back.
    func show(_ job: Int64) async {
        do {
            try await showWaiting([job])
        } catch {
            logger.warning("job \(job) is not shown as it is: \(error)")
        }
    }

    /// Nobody will know any more.
    func giveUpDrops() {
        hasEnded = true
        for (drop, waiters) in dropWaiters.waiting {
            for number in waiters.keys { giveUp(drop, number) }
        }
    }

    private func giveUp(_ drop: DropRequest, _ number: Int) {
        dropWaiters.waiting[drop]?.removeValue(forKey: number)?.resume(returning: nil)
        if dropWaiters.waiting[drop]?.isEmpty == true { dropWaiters.waiting[drop] = nil }
    }
}

/// Those who wait for what becomes of a file.
struct DropWaiters {
    fileprivate var waiting: [DropRequest: [Int: CheckedContinuation<DropAnswer?, Never>]] = [:]
    fileprivate var newest = 0
}
