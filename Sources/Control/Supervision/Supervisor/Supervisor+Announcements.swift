import DurableFiles
import JobModel
import Logging
import Systemd

/// What the daemon says: to the log, to the service manager, to the files that people look at.
extension Supervisor {
    func announceReady() {
        let text = "\(machine.cores.count) cores and \(ByteSize(machine.memory)) for jobs; drop them into \(root.spool)"
        logger.event(.daemonReady, "ready: \(text)")
        ServiceManager.ready(status: text)
    }

    func log(_ attempt: ActiveAttempt) -> Logger {
        logger.with([
            .jobID: "\(attempt.job)", .jobName: attempt.spec.name, .attempt: "\(attempt.fence)",
            .queue: attempt.queue, .method: attempt.spec.method.rawValue,
        ])
    }

    /// Says how an attempt ended and what becomes of its job.
    func announceEnd(of attempt: ActiveAttempt, _ verdict: AttemptVerdict, _ state: JobState) {
        let now = time.monotonic
        board.update(attempt.job) { $0.end(in: state, verdict) }
        board.end(attempt.job, now: now, wall: time.wall, logger: logger)
        if verdict.ending.outcome == .oom {
            log(attempt).event(.workerOutOfMemory, level: .error, "job \(attempt.job): \(verdict.detail)")
        }
        let (event, level) = Self.event(for: verdict, state)
        let ran = now - attempt.started
        log(attempt).event(
            event, level: level, Self.sentence(attempt.job, verdict, state),
            [
                .stateTo: state.rawValue, .failureClass: verdict.ending.outcome.rawValue, .reason: verdict.detail,
                .step: "\(attempt.lastStep)", .durationMilliseconds: "\(ran.inMilliseconds)",
            ])
    }

    func log(_ left: Orphan) -> Logger {
        logger.with([.jobID: "\(left.job)", .jobName: left.name, .attempt: "\(left.fence)"])
    }

    /// The same for an attempt of the last daemon, whose `status.json` still says what that one knew.
    func announceEnd(of left: Orphan, _ verdict: AttemptVerdict, step: Int64, _ state: JobState) {
        if let bytes = try? readFile(left.run.status, limit: 1 << 20),
            var record = try? JSONCoding.decode(StatusRecord.self, from: bytes)
        {
            record.step = step
            record.end(in: state, verdict)
            board.begin(record, in: left.run)
            board.end(left.job, now: time.monotonic, wall: time.wall, logger: logger)
        }
        let (event, level) = Self.event(for: verdict, state)
        log(left).event(
            event, level: level, Self.sentence(left.job, verdict, state),
            [
                .stateTo: state.rawValue, .failureClass: verdict.ending.outcome.rawValue, .reason: verdict.detail,
                .step: "\(step)",
            ])
    }

    /// One line in the journal for each running job and interval.
    func speakOfProgress() {
        let now = time.monotonic
        for job in active.keys.sorted() {
            guard let attempt = active[job], now - attempt.lastSpoken >= .milliseconds(configuration.progressInterval.value)
            else { continue }
            active[job]?.lastSpoken = now
            guard let record = board[job] else { continue }
            log(attempt).info(
                "job \(job): \(record.progress)", metadata: [LogField.step.rawValue: "\(record.step)"])
        }
    }

    private static func event(for verdict: AttemptVerdict, _ state: JobState) -> (JournalEvent, Logger.Level) {
        switch state {
        case .succeeded: (.jobSucceeded, .notice)
        case .failed: (.jobFailed, .error)
        case .cancelled: (.jobCancelled, .notice)
        case .quarantined: (.jobQuarantined, .error)
        case .backoff: (.attemptFailed, .warning)
        case .held, .blocked, .queued, .starting, .running, .stopping: (.attemptInterrupted, .notice)
        }
    }

    private static func sentence(_ job: Int64, _ verdict: AttemptVerdict, _ state: JobState) -> String {
        let why = verdict.detail.isEmpty ? verdict.ending.outcome.rawValue : verdict.detail
        return switch state {
        case .succeeded: "job \(job) succeeded"
        case .failed: "job \(job) failed: \(why)"
        case .cancelled: "job \(job) is cancelled"
        case .quarantined: "job \(job) failed the same way at the same step too often: \(why)"
        case .backoff: "job \(job) will be tried again: \(why)"
        case .held, .blocked, .queued, .starting, .running, .stopping: "job \(job) was interrupted: \(why)"
        }
    }

    /// The line of `systemctl status`: what runs, what waits, what is free.
    func statusLine(waiting: Int, held: Int) -> String {
        if let degraded { return "degraded: \(degraded)" }
        let running = active.values.sorted { $0.job < $1.job }.map { attempt in
            var text = "\(attempt.job) \(attempt.spec.method.rawValue)"
            if let record = board[attempt.job], let total = record.total, total > 0 {
                text += " \(record.step * 100 / total)%"
                if let eta = record.etaSeconds { text += " eta \(Milliseconds(seconds: Int64(eta)))" }
            }
            return text
        }
        let list = running.isEmpty ? "" : " (\(running.joined(separator: ", ")))"
        let busy = active.values.reduce(0) { $0 + $1.cores.count }
        let heldText = held == 0 ? "" : ", \(held) held"
        return "\(active.count) running\(list), \(waiting) queued\(heldText); \(busy)/\(machine.cores.count) cores"
    }
}

extension StatusRecord {
    /// How far it is, in one line.
    fileprivate var progress: String {
        var parts = ["step \(step)" + (total.map { " of \($0)" } ?? "")]
        if let phase, phase != .train { parts.insert(phase.rawValue, at: 0) }
        if let loss { parts.append("loss \(Self.short(loss))") }
        if let tokensPerSecond { parts.append("\(Int(tokensPerSecond)) tokens/s") }
        if let etaSeconds { parts.append("eta \(Milliseconds(seconds: Int64(etaSeconds)))") }
        return parts.joined(separator: ", ")
    }

    /// Four decimals are enough for a log.
    private static func short(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
        return "\((value * 10_000).rounded() / 10_000)"
    }

    /// Nothing goes on any more: the attempt has ended, and the job is in `state`.
    fileprivate mutating func end(in state: JobState, _ verdict: AttemptVerdict) {
        self.state = state
        phase = nil
        etaSeconds = nil
        reason = verdict.detail.isEmpty ? nil : verdict.detail
    }
}
