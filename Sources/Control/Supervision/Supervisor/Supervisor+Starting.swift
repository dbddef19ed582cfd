import CLinux
import DurableFiles
import JobModel
import JobQueue
import Logging
import Systemd

/// From the queue to a running worker.
extension Supervisor {
    /// Starts every job that the scheduler says fits, and notes why the others wait.
    func startWhatFits() async throws {
        guard isQueueChanged || time.monotonic - lastDecision >= Self.longestSleep || isStartDue else { return }
        isQueueChanged = false
        lastDecision = time.monotonic
        let queued = try await store.queuedJobs()
        if let reason = try await reasonToStartNothing() {
            return try await store.explain(Dictionary(uniqueKeysWithValues: queued.map { ($0.id, reason) }))
        }
        let decision = Scheduler.decide(
            waiting: queued.map(Self.waiting), running: running, capacity: capacity, now: time.wall,
            preemptAfter: configuration.preemptAfter)
        nextStart = queued.compactMap(\.notBefore).filter { $0 > time.wall }.min()
        for eviction in decision.evictions { await evict(eviction) }
        for start in decision.starts {
            guard let job = queued.first(where: { $0.id == start.id }) else { continue }
            try await claim(job, cores: start.cores)
        }
        try await store.explain(decision.reasons)
    }

    private func reasonToStartNothing() async throws -> WaitReason? {
        if try await store.isDraining() { return .drain }
        return MemoryPressure.read().flatMap(\.complaint).map { .degraded(why: $0) }
    }

    private func evict(_ eviction: Scheduler.Eviction) async {
        active[eviction.id].map(log)?.notice(
            "job \(eviction.id) saves and makes room for job \(eviction.by), which has a higher priority")
        await stop(eviction.id, .preempted(by: eviction.by))
    }

    private var isStartDue: Bool { nextStart.map { $0 <= time.wall } ?? false }

    private static func waiting(_ job: WaitingJob) -> Scheduler.Waiting {
        Scheduler.Waiting(
            id: job.id, priority: job.priority, submitted: job.submitted, queue: job.queue, cpus: job.cpus,
            memory: job.memory, disk: job.disk, notBefore: job.notBefore,
            timeLeft: Milliseconds(max(0, job.timeLimit.value - job.ran.value)))
    }

    private var running: [Scheduler.Running] {
        active.values.map { attempt in
            let left = max(attempt.expires - time.monotonic, .zero)
            return Scheduler.Running(
                id: attempt.job, queue: attempt.queue, cores: attempt.cores, memory: attempt.memory,
                until: time.wall + Milliseconds(seconds: left.components.seconds), priority: attempt.priority,
                submitted: attempt.submitted, ran: Milliseconds((time.monotonic - attempt.started).inMilliseconds),
                isEnding: attempt.ladder != nil)
        }
    }

    private var capacity: Scheduler.Capacity {
        Scheduler.Capacity(
            cores: machine.cores, memory: machine.memory,
            disk: Int64(clamping: hone_free_bytes(root.runs)) - Self.diskFloor, queues: configuration.queues)
    }

    /// Disk that is left for everything else.
    static let diskFloor: Int64 = 2 << 30

    /// Takes a job in the database; only then anything is started.
    private func claim(_ job: WaitingJob, cores: [Int]) async throws {
        Boundary.claimBeforeCommit.reach()
        guard let claim = try await store.claim(job.id, cores: cores, memory: job.memory, now: time.wall) else {
            return
        }
        Boundary.claimAfterCommit.reach()
        let run = root.run(claim.id, claim.name)
        do {
            let spec = try decoded(claim.spec)
            let attempt = try begin(claim, job, spec, run, cores: cores)
            launch(attempt.launch, orders: attempt.orders)
        } catch {
            try await giveBack(claim, because: error)
        }
    }

    private func begin(
        _ claim: ClaimedJob, _ job: WaitingJob, _ spec: JobSpec, _ run: RunDirectory, cores: [Int]
    ) throws -> (launch: WorkerLaunch, orders: AsyncStream<WorkerOrder>) {
        try makeDirectory(run.path, mode: root.isPrivate ? 0o700 : 0o750)
        try ensureSpecification(claim.spec, run)
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
            lastRecorded: now, lastLogCheck: now, lastSpoken: now, priority: job.priority, submitted: job.submitted)
        board.begin(
            StatusRecord(
                job: claim.id, name: claim.name, method: spec.method, state: .starting, attempt: claim.fence,
                updated: time.wall), in: run)
        return (WorkerLaunch(start: start, run: run), orders)
    }

    private func ensureSpecification(_ bytes: [UInt8], _ run: RunDirectory) throws {
        if fileKind(run.spec) == .file, try readFile(run.spec) == bytes { return }
        try durableWrite(bytes, to: run.spec)
    }

    private func launch(_ launch: WorkerLaunch, orders: AsyncStream<WorkerOrder>) {
        let (job, fence) = (launch.start.job, launch.start.fence)
        Task {
            let exit = await launcher.run(launch, orders: orders) { [self] report in
                await receive(report, job: job, fence: fence)
            }
            await ended(job, fence: fence, exit)
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
