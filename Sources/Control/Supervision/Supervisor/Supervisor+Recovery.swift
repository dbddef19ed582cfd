import DurableFiles
import Glibc
import JobModel
import JobQueue
import Logging
import Systemd

/// A worker that outlived its daemon. It is made to stop and save, never taken over: adopting it would save a
/// microbatch and cost an old program under a new daemon.
struct Orphan {
    let job: Int64
    let fence: Int64
    let name: String
    let run: RunDirectory
}

/// Attempts that were open when the last daemon ended. The lock tells whether a worker lives, the files tell how far it
/// came; times and process numbers are hints.
extension Supervisor {
    /// Brings every open attempt to an end, or knows its worker for an orphan.
    func recover() async throws {
        try await removeUnbegunRuns()
        let open = try await store.openAttempts()
        var lost = 0
        for attempt in open {
            let left = Orphan(
                job: attempt.job, fence: attempt.fence, name: attempt.name, run: root.run(attempt.job, attempt.name))
            if try await settle(left, bootID: attempt.bootID) {
                lost += 1
            } else {
                drain(left, attempt)
            }
        }
        guard !open.isEmpty else { return }
        logger.event(
            .recoverySummary,
            "\(open.count) attempts were open: \(lost) ended with the last daemon, \(orphans.count) still live",
            [.count: "\(open.count)"])
    }

    /// Removes directories that no job of the queue has and nothing was written into: their numbers may be given anew.
    /// Others without a job are somebody's results, and left for people.
    private func removeUnbegunRuns() async throws {
        let found = try directoryNames(root.runs).compactMap(RunName.init)
        var strange: [String] = []
        // In pieces: there may be a million.
        for start in stride(from: 0, to: found.count, by: Self.runsAtOnce) {
            let piece = found[start..<min(start + Self.runsAtOnce, found.count)]
            let known = try await store.runNames(of: piece.map(\.id))
            for name in piece where !known.contains(name.directory) {
                let run = root.run(name.id, name.name)
                if run.isUnbegun {
                    try removeTree(run.path)
                } else {
                    strange.append(name.directory)
                }
            }
        }
        guard let first = strange.first else { return }
        logger.warning("\(strange.count) directories in \(root.runs) belong to no job, \(first) for one: hone doctor")
    }

    private static let runsAtOnce = 1000

    /// Tries again for workers that were still alive.
    func tendOrphans() async {
        for orphan in orphans {
            do {
                guard try await settle(orphan, bootID: nil) else { continue }
                orphans.removeAll { $0.job == orphan.job }
            } catch {
                logger.warning("job \(orphan.job): the end of its orphan was not recorded: \(error)")
            }
        }
    }

    /// Records the end of an attempt whose lock is free; false when somebody holds it.
    private func settle(_ left: Orphan, bootID: String?) async throws -> Bool {
        let run = left.run
        try makeDirectory(run.path)
        // Held until the end is recorded, so that no late worker of this attempt begins meanwhile.
        guard let lock = try FileLock.acquire(run.lock) else { return false }
        Boundary.recoveryBeforeCommit.reach()
        let result = AttemptResult.read(run, fence: left.fence, logger: logger)
        let isReboot = bootID.map { !$0.isEmpty && $0 != ProcessIdentity.bootID() } ?? false
        let verdict = result.map { AttemptVerdict($0) } ?? .lost(inReboot: isReboot)
        let step = result?.steps ?? Self.newestCheckpoint(run)
        let state = try await store.attemptEnded(
            left.job, fence: left.fence, verdict.ending, detail: result?.detail ?? "", step: step, exit: (nil, nil),
            usage: result?.usage, policy: nil, now: time.wall)
        Boundary.recoveryAfterCommit.reach()
        isQueueChanged = true
        announceEnd(of: left, verdict, step: step, state)
        _ = consume lock
        return true
    }

    private func drain(_ left: Orphan, _ attempt: OpenAttempt) {
        let identity = attempt.pid.map { ProcessIdentity(pid: $0, startTicks: attempt.startTicks ?? 0) }
        let sent = attempt.bootID == ProcessIdentity.bootID() && identity?.send(SIGTERM) == true
        log(left).event(
            .orphanFound, level: .warning,
            "job \(left.job): a worker of the last daemon still holds the lock; "
                + (sent ? "it was told to save and stop" : "it is waited for"),
            identity.map { [.workerProcess: "\($0.pid)"] } ?? [:])
        orphans.append(left)
    }

    /// The step of the newest published checkpoint; 0 without one.
    private static func newestCheckpoint(_ run: RunDirectory) -> Int64 {
        let names = (try? directoryNames(run.checkpoints)) ?? []
        return names.filter { $0.hasPrefix("step-") }.compactMap { Int64($0.dropFirst("step-".count)) }.max() ?? 0
    }
}
