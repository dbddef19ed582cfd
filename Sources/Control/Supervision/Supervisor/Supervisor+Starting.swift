import DurableFiles
import JobModel
import JobQueue
import Logging
import Systemd

/// From the queue to a running worker.
extension Supervisor {
    /// Starts every job that the scheduler says fits, and notes why the others wait.
    func startWhatFits() async throws {
        let start = time.monotonic
        guard start >= mayDecide, isQueueChanged || start >= mustDecide || isStartDue else { return }
        do {
            try await decide(since: start)
        } catch {
            isQueueChanged = true
            throw error
        }
    }

    private func decide(since start: Duration) async throws {
        let queued = try await store.queuedJobs()
        if let reason = try await reasonToStartNothing() {
            decided(since: start)
            return try await explain(queued) { _ in reason }
        }
        let decision = decision(with: queued.map(Self.waiting))
        decided(since: start)
        nextStart = queued.compactMap(\.notBefore).filter { $0 > time.wall }.min()
        for eviction in decision.evictions { await evict(eviction) }
        let starts = Dictionary(uniqueKeysWithValues: decision.starts.map { ($0.id, $0.cores) })
        for job in queued where !isStopping {
            if let cores = starts[job.id] { try await claim(job, cores: cores) }
        }
        try await explain(queued) { decision.reasons[$0.id] }
    }

    /// What the scheduler makes of these jobs now.
    func decision(with waiting: [Scheduler.Waiting]) -> Scheduler.Decision {
        Scheduler.decide(
            waiting: waiting, running: running, capacity: capacity, now: time.wall,
            preemptAfter: configuration.preemptAfter)
    }

    /// With ten thousand jobs waiting a decision takes a while. It is made again after some such times if something
    /// changed, and after a thousand if nothing did: an idle daemon idles.
    private func decided(since start: Duration) {
        let now = time.monotonic
        let cost = now - start
        mayDecide = cost > Self.quickDecision ? now + min(cost * 4, .seconds(5)) : now
        mustDecide = now + min(max(Self.longestSleep, cost * 1000), .seconds(120))
    }

    private static let quickDecision = Duration.milliseconds(5)
    /// Reasons written down after one decision; those in front first, the rest as they were.
    private static let reasonsAtOnce = 1000

    private func explain(_ jobs: [WaitingJob], _ reason: (WaitingJob) -> WaitReason?) async throws {
        var changed: [Int64: WaitReason] = [:]
        for job in jobs {
            guard let reason = reason(job), reason != job.reason else { continue }
            if changed.count == Self.reasonsAtOnce {
                isQueueChanged = true
                break
            }
            changed[job.id] = reason
        }
        try await store.explain(changed)
    }

    /// What keeps every job from starting.
    func reasonToStartNothing() async throws -> WaitReason? {
        if try await store.isDraining() { return .drain }
        return MemoryPressure.read().flatMap(\.complaint).map { .degraded(why: $0) }
    }

    private func evict(_ eviction: Scheduler.Eviction) async {
        active[eviction.id].map(log)?.notice(
            "job \(eviction.id) saves and makes room for job \(eviction.by), which has a higher priority")
        await stop(eviction.id, .preempted(by: eviction.by))
    }

    private var isStartDue: Bool { nextStart.map { $0 <= time.wall } ?? false }

    static func waiting(_ job: WaitingJob) -> Scheduler.Waiting {
        Scheduler.Waiting(
            id: job.id, priority: job.priority, submitted: job.submitted, queue: job.queue, cpus: job.cpus,
            memory: job.memory, disk: job.disk, notBefore: job.notBefore,
            timeLeft: Milliseconds(max(0, job.timeLimit.value - job.ran.value)))
    }

    private var running: [Scheduler.Running] {
        active.values.map { attempt in
            let left = max(attempt.expires - time.monotonic, .zero).inMilliseconds
            // Up to whole seconds: what is said of the same moment stays the same text.
            let until = (time.wall.milliseconds + left + 999) / 1000 * 1000
            return Scheduler.Running(
                id: attempt.job, queue: attempt.queue, cores: attempt.cores, memory: attempt.memory,
                until: Timestamp(milliseconds: until), priority: attempt.priority,
                submitted: attempt.submitted, ran: Milliseconds((time.monotonic - attempt.started).inMilliseconds),
                isEnding: attempt.ladder != nil)
        }
    }

    private var capacity: Scheduler.Capacity {
        Scheduler.Capacity(
            cores: machine.cores, memory: machine.memory,
            disk: DiskSpace.of(root.runs).free(besides: active.values.map(\.unwrittenDisk)),
            queues: configuration.queues.overridden(by: queueSettings))
    }

    /// Takes a job in the database; only then anything is started.
    private func claim(_ job: WaitingJob, cores: [Int]) async throws {
        Boundary.claimBeforeCommit.reach()
        guard let claim = try await store.claim(job.id, cores: cores, memory: job.memory, now: time.wall) else {
            return
        }
        Boundary.claimAfterCommit.reach()
        let run = root.run(claim.id, claim.name)
        let attempt: (launch: WorkerLaunch, orders: AsyncStream<WorkerOrder>)
        do {
            attempt = try begin(claim, job, try decoded(claim.spec), run, cores: cores)
        } catch {
            return try await giveBack(claim, because: error)
        }
        launch(attempt.launch, orders: attempt.orders)
        await tellWishes(claim.id)
    }

    /// What was asked for between the claim and the launch found no worker to tell.
    private func tellWishes(_ job: Int64) async {
        do {
            if try await store.job(job)?.summary.state == .stopping { await stop(job, .wish) }
        } catch {
            logger.warning("whether job \(job) is to stop is not known: \(error)")
        }
    }

    private func begin(
        _ claim: ClaimedJob, _ job: WaitingJob, _ spec: JobSpec, _ run: RunDirectory, cores: [Int]
    ) throws -> (launch: WorkerLaunch, orders: AsyncStream<WorkerOrder>) {
        try prepareRunDirectory(claim.id, claim.name, canonical: claim.spec)
        let now = time.monotonic
        let left = Milliseconds(max(1, spec.resources.timeLimit.value - claim.ran.value))
        let inputs = InputPaths.located(spec, pins: claim.inputs)
        let start = StartCommand(
            job: claim.id, fence: claim.fence, runDir: run.path, specSha256: claim.specSHA256,
            inputs: Dictionary(uniqueKeysWithValues: inputs.map { ($0.key.rawValue, $0.value) }), pins: claim.inputs,
            cpus: cores, threads: spec.resources.cpus, memory: job.memory, deadlineMs: left.value)
        let (orders, continuation) = AsyncStream<WorkerOrder>.makeStream()
        active[claim.id] = ActiveAttempt(
            job: claim.id, fence: claim.fence, run: run, spec: spec, cores: cores, memory: job.memory, started: now,
            expires: now + .milliseconds(left.value), orders: continuation, watch: ProgressWatch(now: now),
            disk: job.disk, lastRecorded: now, lastLogCheck: now, lastSpoken: now, priority: job.priority,
            submitted: job.submitted)
        board.begin(
            StatusRecord(
                job: claim.id, name: claim.name, method: spec.method, state: .starting, attempt: claim.fence,
                updated: time.wall), in: run)
        return (WorkerLaunch(start: start, run: run), orders)
    }

    private func launch(_ launch: WorkerLaunch, orders: AsyncStream<WorkerOrder>) {
        let (job, fence) = (launch.start.job, launch.start.fence)
        Task {
            let exit: WorkerExit
            do {
                try await force(launch.run)
                exit = await launcher.run(launch, orders: orders) { [self] report in
                    await receive(report, job: job, fence: fence)
                }
            } catch {
                exit = WorkerExit(.notPrepared("\(error)"))
            }
            await ended(job, fence: fence, exit)
        }
    }

    /// From here on the directory holds what cannot be made again, so its name and what lies in it are on the disk first.
    private func force(_ run: RunDirectory) async throws {
        let runs = root.runs
        try await DiskThreads.run {
            try syncFile(run.spec)
            try syncDirectory(run.path)
            try syncDirectory(runs)
        }
    }

    /// A job that was taken and could not be started: its attempt ends at once.
    private func giveBack(_ claim: ClaimedJob, because error: any Error) async throws {
        logger.warning("job \(claim.id) could not be started: \(error)")
        let outcome: AttemptOutcome = error is Rejection ? .specError : .ioError
        _ = try await store.attemptEnded(
            claim.id, fence: claim.fence, AttemptEnding(outcome), detail: "\(error)", step: 0, exit: (nil, nil),
            usage: nil, policy: nil, now: time.wall)
        isQueueChanged = true
    }
}
