import CLinux
import DurableFiles
import JobModel
package import JobQueue
package import Logging
import Systemd

/// The one who decides: takes in drops, starts what fits, watches over workers, records how they end.
///
/// One loop does everything in named steps. What it decides is in the database before it is done, and what is done may
/// be done again, so it may die between any two lines.
package actor Supervisor {
    /// What a supervisor works with.
    package struct Parts: Sendable {
        /// Where everything lies.
        package var root: Root
        /// The queue.
        package var store: any JobStore
        /// Runs workers.
        package var launcher: any WorkerLauncher
        /// Measures jobs.
        package var planner: any ResourcePlanner
        /// The clocks.
        package var time: any TimeSource
        /// Where words go.
        package var logger: Logger
        /// Times of the drop directory.
        package var spool = SpoolWatcher.Settings()
        /// End when nothing is left to do.
        package var untilIdle = false

        /// The parts.
        package init(
            root: Root, store: any JobStore, launcher: any WorkerLauncher, planner: any ResourcePlanner,
            time: any TimeSource = SystemTime(), logger: Logger
        ) {
            self.root = root
            self.store = store
            self.launcher = launcher
            self.planner = planner
            self.time = time
            self.logger = logger
        }
    }

    /// How a run of the loop ended.
    package enum Outcome: Sendable, Hashable {
        /// Stopped as asked.
        case stopped
        /// Nothing is left to do; whether all jobs succeeded.
        case idle(allSucceeded: Bool)
    }

    let root: Root
    let store: any JobStore
    let launcher: any WorkerLauncher
    let planner: any ResourcePlanner
    let time: any TimeSource
    let logger: Logger
    let hasher = InputHasher()
    let untilIdle: Bool
    /// Wakes the loop.
    nonisolated let wake = WakeSignal()
    /// Beats once for each turn of the loop.
    nonisolated let heartbeat: Heartbeat

    var configuration: Configuration
    var machine: Machine
    var spool: SpoolWatcher
    var active: [Int64: ActiveAttempt] = [:]
    var orphans: [Orphan] = []
    var board = StatusBoard()
    /// Jobs whose inputs are being hashed, and digests that are not recorded yet.
    var hashing: Set<Int64> = []
    var hashed: [Int64: [InputPin]] = [:]
    /// Drops refused since the start.
    var rejections = 0
    /// Moves of files that are not on the disk or not recorded yet.
    var moves = OpenMoves()
    /// What became of the newest drops, for those who ask.
    var settledDrops = SettledDrops()
    var dropWaiters = DropWaiters()
    /// What happened since the start, in numbers.
    var counters = Counters()
    var metricsWritten: Duration?
    let started: Timestamp
    /// Since when nothing runs and nothing has come; nil while something does.
    var restingSince: Duration?
    var hasGivenBack = false
    var isStopping = false
    /// Nothing is done any more.
    var hasEnded = false
    var mustScan = false
    /// Something happened that may let a job start.
    var isQueueChanged = true
    /// Not before this moment is decided again, and at this moment at the latest.
    var mayDecide = Duration.zero
    var mustDecide = Duration.zero
    /// When a job is looked at again that could not be measured.
    var prepareAgain: Duration?
    /// Waits after failures.
    var backoffs = BackoffClock()
    /// Limits of queues that were set since the configuration was written, and the events of the newest changes.
    var queueSettings: [String: QueueSettings] = [:]
    var queueSettingsSequences: [String: Int64] = [:]
    /// Unfinished jobs of each user.
    var unfinished = UnfinishedCounts()
    /// When a job that waits for a time of day has to be looked at.
    var nextStart: Timestamp?
    var degraded: String?
    var lastStatusLine = ""
    /// The newest event when this run began.
    private var sequenceAtStart: Int64 = 0

    /// A supervisor over a root whose directories are there and whose lock is held.
    package init(_ parts: Parts, configuration: Configuration, machine: Machine? = nil) throws {
        root = parts.root
        store = parts.store
        launcher = parts.launcher
        planner = parts.planner
        time = parts.time
        logger = parts.logger
        untilIdle = parts.untilIdle
        started = parts.time.wall
        heartbeat = Heartbeat(time: parts.time)
        self.configuration = configuration
        self.machine = machine ?? configuration.machine()
        let wake = wake
        spool = try SpoolWatcher(parts.root.spool, settings: parts.spool, logger: parts.logger) { wake.signal() }
    }

    /// Works until it is told to stop, or until nothing is left to do.
    package func run() async throws -> Outcome {
        sequenceAtStart = try await store.lastSequence()
        try await readQueueSettings()
        try await recover()
        await guarded("recording moves") { try await adoptLeftMoves() }
        await guarded("taking in drops") { try await ingestDrops() }
        announceReady()
        defer { giveUpDrops() }
        let outcome = try await turnUntilTheEnd()
        await guarded("recording moves") { try await tendMoves(finally: true) }
        return outcome
    }

    private func turnUntilTheEnd() async throws -> Outcome {
        while true {
            if Task.isCancelled { await beginShutdown() }
            await turn()
            if isStopping && active.isEmpty && orphans.isEmpty { return .stopped }
            if untilIdle, !isStopping, let outcome = try await idleOutcome() { return outcome }
            await wake.wait(atMost: min(deadline - time.monotonic, Self.longestSleep))
        }
    }

    /// One turn of the loop. Everything that can be done now is done.
    package func turn() async {
        await tendOrphans()
        await tendWorkers()
        if !isStopping {
            await guarded("taking in drops") { try await ingestDrops() }
            await guarded("recording moves") { try await tendMoves() }
            await guarded("preparing jobs") { try await prepareJobs() }
            await guarded("starting jobs") { try await startWhatFits() }
        }
        board.publish(now: time.monotonic, wall: time.wall, logger: logger)
        await reportStatus()
        speakOfProgress()
        await publishMetrics()
        restMemory()
        heartbeat.beat()
    }

    /// Begins a graceful stop: workers save and end, their jobs go on at the next start. A second call changes nothing.
    package func beginShutdown() async {
        guard !isStopping else { return }
        isStopping = true
        logger.notice("stopping: \(active.count) workers save their state")
        ServiceManager.stopping(status: "\(active.count) workers save their state")
        for job in active.keys.sorted() { await stop(job, .shutdown) }
        wake.signal()
    }

    /// Reads the configuration again and scans; a configuration with errors changes nothing.
    package func reload() {
        ServiceManager.reloading()
        defer { ServiceManager.ready() }
        var errors = ""
        do {
            configuration = try Configuration.load(root).0
            machine = configuration.machine()
            logger.event(
                .configReloaded, "configuration read again: \(machine.cores.count) cores, \(ByteSize(machine.memory))")
        } catch {
            errors = "\(error)"
            logger.event(.configRefused, level: .error, "the configuration was not changed: \(error)")
        }
        mustScan = true
        isQueueChanged = true
        wake.signal()
        do {
            try ReloadReceipt.write(root, at: time.monotonic, errors: errors)
        } catch {
            logger.warning("no answer to the reload: \(error)")
        }
    }

    /// Signs of life and progress keep their rhythm even when nothing happens.
    static let longestSleep = Duration.seconds(15)

    private var deadline: Duration {
        let now = time.monotonic
        // Not at once: what does not work would be tried without a pause.
        if degraded != nil { return now + .seconds(5) }
        var next = isStopping ? now + .seconds(5) : spool.deadline
        for attempt in active.values {
            let line = attempt.lastSpoken + .milliseconds(configuration.progressInterval.value)
            next = min(next, attempt.deadline, line)
        }
        if !orphans.isEmpty || board.hasChanges { next = min(next, now + .seconds(1)) }
        if !isStopping, let due = moves.deadline { next = min(next, due) }
        // A daemon that stops decides nothing, so this would stay due.
        if !isStopping, let decision = nextDecision(now) { next = min(next, decision) }
        return next
    }

    private func nextDecision(_ now: Duration) -> Duration? {
        let start = nextStart.map { now + .milliseconds(max(0, $0.milliseconds - time.wall.milliseconds)) }
        let due = [start, prepareAgain, isQueueChanged ? now : nil].compactMap { $0 }.min()
        return [due.map { max($0, mayDecide) }, backoffs.next].compactMap { $0 }.min()
    }

    /// How it ended, if nothing is left to do: nothing runs, nothing was dropped, and what waits waits for people.
    private func idleOutcome() async throws -> Outcome? {
        guard active.isEmpty, orphans.isEmpty, hashing.isEmpty, degraded == nil, !isQueueChanged else { return nil }
        let arrivals = try spool.poll(now: time.monotonic, scanning: true)
        guard arrivals.isEmpty, !spool.isWaiting else { return nil }
        let live = try await store.liveCounts()
        let going = live.keys.filter { $0 != .held && $0 != .blocked && !$0.isFinished }
        guard going.allSatisfy({ live[$0] == 0 }) else { return nil }
        let waiting = live.values.reduce(0, +)
        let failed = try await store.unsuccessfulEnds(after: sequenceAtStart)
        return .idle(allSucceeded: waiting == 0 && failed == 0 && rejections == 0)
    }

    /// After half a minute without work, memory goes back to the kernel, once.
    private func restMemory() {
        let now = time.monotonic
        guard active.isEmpty, orphans.isEmpty, hashing.isEmpty, !isQueueChanged, !spool.isWaiting, moves.isEmpty else {
            restingSince = nil
            hasGivenBack = false
            return
        }
        let since = restingSince ?? now
        restingSince = since
        guard !hasGivenBack, now - since >= Self.restBeforeGivingBack else { return }
        hasGivenBack = true
        hone_give_back_memory()
    }

    private static let restBeforeGivingBack = Duration.seconds(30)

    /// Tells `systemctl status` how things stand.
    private func reportStatus() async {
        guard let live = try? await store.liveCounts() else { return }
        let line = statusLine(waiting: (live[.queued] ?? 0) + (live[.blocked] ?? 0), held: live[.held] ?? 0)
        if line != lastStatusLine && !isStopping { ServiceManager.status(line) }
        lastStatusLine = line
    }

    /// Does a step; a failure of the store or the disk makes the daemon degraded, until the step works again.
    func guarded(_ step: String, _ body: () async throws -> Void) async {
        do {
            try await body()
            recovered(step)
        } catch {
            fail(step, error)
        }
    }

    /// A step does not work: the daemon is degraded until it does.
    func fail(_ step: String, _ error: any Error) {
        let reason = "\(step): \(error)"
        if degraded != reason { logger.event(.degraded, level: .error, reason) }
        degraded = reason
    }

    /// A step works, again if it did not before.
    func recovered(_ step: String) {
        guard degraded?.hasPrefix("\(step): ") == true else { return }
        degraded = nil
        logger.notice("\(step) works again")
    }
}
