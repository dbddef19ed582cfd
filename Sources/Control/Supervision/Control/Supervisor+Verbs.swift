import DurableFiles
package import JobModel
import JobQueue
import Logging
import Systemd

/// What people ask for through the socket. Each is decided in the database first; what follows from it (a worker is
/// told to stop) comes after, and a crash in between leads to the same end, since the wish is recorded.
extension Supervisor {
    /// Does what `requester` asks of a job.
    package func act(_ verb: JobVerb, on job: Int64, by requester: Requester) async throws -> ControlAnswer {
        let before = try await changeable(job, by: requester)
        try check(verb, before)
        Boundary.controlBeforeCommit.reach()
        try await decide(verb, before, actor: requester.actor)
        Boundary.controlAfterCommit.reach()
        await carryOut(verb, job)
        log(before).notice("\(verb.rawValue) of job \(job), asked for by \(requester.actor)")
        return try await answer(job, Self.words(for: verb))
    }

    /// Changes the place of a job in the order.
    package func setPriority(_ priority: Int, of job: Int64, by requester: Requester) async throws -> ControlAnswer {
        guard PriorityRequest.range.contains(priority) else {
            throw ControlError.invalid("priority: \(priority), expected a whole number from -1000 to 1000")
        }
        let before = try await changeable(job, by: requester)
        Boundary.controlBeforeCommit.reach()
        try await store.setPriority(priority, for: job, actor: requester.actor, now: time.wall)
        Boundary.controlAfterCommit.reach()
        queueChanged()
        log(before).notice("job \(job) has priority \(priority), asked for by \(requester.actor)")
        return try await answer(job, "priority \(priority)")
    }

    /// Lets nothing start, or ends that. Running jobs go on.
    package func setDraining(_ draining: Bool, by requester: Requester) async throws {
        guard requester.isAdministrator(configuration) else {
            throw ControlError.forbidden(
                "draining concerns everybody: it takes root, the user of the daemon, or a group of admin_groups")
        }
        Boundary.controlBeforeCommit.reach()
        try await store.setDraining(draining, actor: requester.actor, now: time.wall)
        Boundary.controlAfterCommit.reach()
        queueChanged()
        logger.notice("\(draining ? "draining: nothing is started" : "no longer draining"), asked by \(requester.actor)")
    }

    /// Looks at the drop directory in the next turn, whatever the kernel said of it.
    package func rescan() {
        mustScan = true
        wake.signal()
    }

    /// A job that `requester` may change.
    func changeable(_ job: Int64, by requester: Requester) async throws -> JobSummary {
        guard let summary = try await store.job(job)?.summary else { throw ControlError.noSuchJob("\(job)") }
        guard requester.mayChange(jobOf: summary.uid, configuration) else {
            throw ControlError.forbidden(
                "job \(job) belongs to user \(summary.uid); changing it takes that user, root or a group of admin_groups")
        }
        return summary
    }

    /// How a job stands, for the one who asked.
    func answer(_ job: Int64, _ message: String) async throws -> ControlAnswer {
        guard let now = try await store.job(job)?.summary else { throw ControlError.noSuchJob("\(job)") }
        return ControlAnswer(job: job, name: now.name, state: now.state, want: now.want, message: message)
    }

    func log(_ job: JobSummary) -> Logger {
        logger.with([.jobID: "\(job.id)", .jobName: job.name, .queue: job.queue, .method: job.method])
    }

    func queueChanged() {
        isQueueChanged = true
        wake.signal()
    }

    private func check(_ verb: JobVerb, _ job: JobSummary) throws {
        let state = job.state.rawValue
        switch verb {
        case .retry:
            guard job.state.isFinished && job.state != .succeeded || job.state == .backoff else {
                throw ControlError.refused(
                    "job \(job.id) is \(state); a job that failed, was cancelled, is quarantined or waits after a failure "
                        + "can be tried again")
            }
        case .stop: break  // Looked at where it is recorded.
        case .ckpt:
            guard job.state == .starting || job.state == .running else {
                throw ControlError.refused("job \(job.id) is \(state), not running")
            }
            if active[job.id] == nil {
                throw ControlError.refused(
                    "the worker of job \(job.id) cannot be told: it is about to start, or saves and ends with the last "
                        + "daemon")
            }
        case .cancel, .hold, .release, .pause, .resume:
            guard !job.state.isFinished else {
                let next = job.state == .succeeded ? "" : "; hone retry \(job.id) tries it again"
                throw ControlError.refused("job \(job.id) has ended (\(state))\(next)")
            }
        }
    }

    private func decide(_ verb: JobVerb, _ job: JobSummary, actor: String) async throws {
        let now = time.wall
        switch verb {
        case .cancel: _ = try await store.setWish(.cancel, for: job.id, actor: actor, now: now)
        case .hold: _ = try await store.setWish(.pause, for: job.id, onlyWaiting: true, actor: actor, now: now)
        case .pause: _ = try await store.setWish(.pause, for: job.id, actor: actor, now: now)
        case .release, .resume: _ = try await store.setWish(.run, for: job.id, actor: actor, now: now)
        case .retry:
            _ = try await store.retry(job.id, actor: actor, now: now)
            if job.state.isFinished { unfinished.add(UInt32(clamping: job.uid)) }
        case .stop: try await store.requestStop(of: job.id, actor: actor, now: now)
        case .ckpt: try await store.requestCheckpoint(of: job.id, actor: actor, now: now)
        }
    }

    /// What follows from a decision; all of it may be done again.
    private func carryOut(_ verb: JobVerb, _ job: Int64) async {
        switch verb {
        case .cancel, .pause, .stop: await stop(job, .wish)
        case .ckpt: active[job]?.orders.yield(.send(.checkpoint(reason: "asked for")))
        case .hold, .release, .resume, .retry: break
        }
        await show(job)
        queueChanged()
    }

    private static func words(for verb: JobVerb) -> String {
        switch verb {
        case .cancel: "is to end; a running worker saves its last step first"
        case .hold: "does not start until hone release"
        case .release, .resume: "may start when its turn comes"
        case .pause: "saves, stops and waits for hone resume"
        case .retry: "is tried again"
        case .stop: "saves, stops and waits for its next turn"
        case .ckpt: "saves a checkpoint and goes on"
        }
    }
}

extension Supervisor {
    /// Whether a user may ask for changes at all.
    package func mayControl(_ requester: Requester) -> Bool {
        requester.isAdministrator(configuration)
            || configuration.allows(uid: requester.uid, name: requester.name, groups: requester.groups)
    }

    /// The file of a job, for those who may change it.
    package func source(of job: Int64, for requester: Requester) async throws -> [UInt8] {
        _ = try await changeable(job, by: requester)
        guard let bytes = try await store.source(of: job) else { throw ControlError.noSuchJob("\(job)") }
        return bytes
    }
}
