import DurableFiles
import JobModel
import JobQueue
import Logging
import Systemd

/// What happens to attempts from their first sign of life to their end.
extension Supervisor {
    /// Takes note of what a worker reports.
    func receive(_ report: WorkerReport, job: Int64, fence: Int64) async {
        guard var attempt = active[job], attempt.fence == fence else { return }
        switch report {
        case .spawned(let pid, let ticks):
            Boundary.launchAfterSpawn.reach()
            await record("spawned", job) {
                try await store.attemptSpawned(
                    job, fence: fence, pid: pid, startTicks: ticks, bootID: ProcessIdentity.bootID(), now: time.wall)
            }
            Boundary.launchAfterSpawnRecorded.reach()
        case .misbehaved(let text):
            attempt.complaints += 1
            active[job] = attempt
            if attempt.complaints <= 3 {
                log(attempt).event(.workerMisbehaved, level: .warning, "job \(job): \(text)")
            } else if attempt.complaints == Self.longestPatience {
                await stop(job, .misbehaviour)
            }
        case .event(let event):
            attempt.watch.note(event, now: time.monotonic)
            attempt.isStalled = false
            active[job] = attempt
            board.note(event, job: job)
            await receive(event, job: job, fence: fence)
        }
        wake.signal()
    }

    /// Lines that are not in the protocol before a worker is taken for broken.
    private static let longestPatience = 100
    /// Time between two records of how far a job is.
    private static let recordInterval = Duration.seconds(30)

    private func receive(_ event: WorkerEvent, job: Int64, fence: Int64) async {
        switch event {
        case .ready(let ready): await begin(job, fence: fence, ready)
        case .progress(let progress): await reached(progress.step, job: job, fence: fence)
        case .beat(let beat): await reached(beat.step, job: job, fence: fence)
        case .checkpoint(let checkpoint): await saved(checkpoint, job: job, fence: fence)
        case .checkpointFailed(let code):
            counters.checkpointFailures += 1
            active[job].map(log)?.event(
                .checkpointFailed, level: .warning, "job \(job) could not save a checkpoint and trains on",
                [.errno: "\(code)"])
        case .result(let result): active[job]?.lastWords = result
        case .hello, .phase, .unknown: break
        }
    }

    private func begin(_ job: Int64, fence: Int64, _ ready: ReadyEvent) async {
        await record("running", job) {
            try await store.attemptRunning(job, fence: fence, resumeStep: ready.resumeStep, now: time.wall)
        }
        Boundary.launchAfterRunningRecorded.reach()
        board.update(job) { $0.state = $0.state == .stopping ? .stopping : .running }
        active[job].map(log)?.event(
            .attemptStarted,
            "job \(job) runs on processors \(ready.cpus) from step \(ready.resumeStep), kernels \(ready.blas)",
            [.step: "\(ready.resumeStep)"])
    }

    private func reached(_ step: Int64, job: Int64, fence: Int64) async {
        guard var attempt = active[job] else { return }
        attempt.lastStep = max(attempt.lastStep, step)
        let isDue = time.monotonic - attempt.lastRecorded >= Self.recordInterval
        if isDue { attempt.lastRecorded = time.monotonic }
        active[job] = attempt
        if isDue {
            await record("progress", job) {
                try await store.attemptProgressed(job, fence: fence, step: attempt.lastStep, now: time.wall)
            }
        }
    }

    private func saved(_ checkpoint: CheckpointEvent, job: Int64, fence: Int64) async {
        guard var attempt = active[job] else { return }
        attempt.lastStep = max(attempt.lastStep, checkpoint.step)
        // A worker's word, which may be any number.
        let bytes = min(max(0, checkpoint.bytes), attempt.disk)
        attempt.checkpoints = (attempt.checkpoints.count + 1, bytes)
        active[job] = attempt
        counters.checkpoints += 1
        counters.checkpointBytes += bytes
        counters.checkpointMilliseconds += checkpoint.ms
        await record("checkpoint", job) {
            try await store.checkpointSaved(job, fence: fence, checkpoint, now: time.wall)
        }
        log(attempt).event(
            .checkpointSaved, level: .info, "job \(job) saved step \(checkpoint.step)",
            [
                .step: "\(checkpoint.step)", .checkpoint: checkpoint.dir, .bytes: "\(checkpoint.bytes)",
                .durationMilliseconds: "\(checkpoint.ms)",
            ])
    }

    /// A record that is not a decision: if it fails, the attempt goes on and its end will be recorded.
    private func record(_ what: String, _ job: Int64, _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            logger.warning("job \(job): \(what) was not recorded: \(error)")
        }
    }

    /// Gives the orders that are due, and looks for workers that hang or are out of time.
    func tendWorkers() async {
        let now = time.monotonic
        for job in active.keys.sorted() {
            guard let attempt = active[job] else { continue }
            if let exit = attempt.exit {
                await recordEnd(job, exit)
            } else if attempt.ladder == nil, isStopping {
                // It was launched while the others were told.
                await stop(job, .shutdown)
            } else if attempt.ladder == nil {
                await judge(attempt, now)
            }
            climb(job, now)
            capLog(job, now)
        }
        if isStopping && !active.isEmpty { ServiceManager.extendTimeout(by: Self.longestSleep * 2) }
    }

    private func judge(_ attempt: ActiveAttempt, _ now: Duration) async {
        if now >= attempt.expires { return await stop(attempt.job, .timeLimit) }
        switch attempt.watch.verdict(now: now) {
        case .working: break
        case .stalled where attempt.isStalled: break
        case .stalled:
            active[attempt.job]?.isStalled = true
            log(attempt).event(.workerStalled, level: .warning, "job \(attempt.job): no sign of life from its worker")
        case .hanging(let silence, let phase):
            let detail = "no progress for \(silence.components.seconds) s in phase \(phase.rawValue)"
            log(attempt).event(.workerHang, level: .error, "job \(attempt.job): \(detail)")
            await stop(attempt.job, .hang(detail))
        }
    }

    private func capLog(_ job: Int64, _ now: Duration) {
        guard let attempt = active[job], now - attempt.lastLogCheck >= Self.longestSleep else { return }
        active[job]?.lastLogCheck = now
        let path = attempt.run.log(attempt: attempt.fence)
        do {
            if try LogCap.enforce(path, limit: configuration.logBytes) {
                let limit = ByteSize(configuration.logBytes)
                log(attempt).warning("job \(job): its log was longer than \(limit) and begins anew")
            }
        } catch {
            log(attempt).warning("job \(job): its log was not cut: \(error)")
        }
    }

    /// Begins to stop a worker; the first reason stays.
    func stop(_ job: Int64, _ reason: StopReason) async {
        guard var attempt = active[job], attempt.ladder == nil else { return }
        attempt.ladder = StopLadder(reason, now: time.monotonic)
        active[job] = attempt
        board.update(job) { $0.state = .stopping }
        climb(job, time.monotonic)
        await record("stopping", job) {
            try await store.attemptStopping(job, fence: attempt.fence, now: time.wall)
        }
        wake.signal()
    }

    private func climb(_ job: Int64, _ now: Duration) {
        guard var ladder = active[job]?.ladder else { return }
        let orders = ladder.due(now: now)
        active[job]?.ladder = ladder
        for order in orders { active[job]?.orders.yield(order) }
    }

    /// The worker has ended. From here its end is recorded again and again until the database has it.
    func ended(_ job: Int64, fence: Int64, _ exit: WorkerExit) async {
        guard active[job]?.fence == fence else { return }
        active[job]?.exit = exit
        active[job]?.orders.finish()
        Boundary.recordBeforeCommit.reach()
        await recordEnd(job, exit)
        wake.signal()
    }

    private func recordEnd(_ job: Int64, _ exit: WorkerExit) async {
        guard let attempt = active[job], !attempt.isRecording else { return }
        active[job]?.isRecording = true
        defer { active[job]?.isRecording = false }
        let result = AttemptResult.read(attempt.run, fence: attempt.fence, logger: log(attempt))
        let verdict = AttemptVerdict(exit, result: result, lastWords: attempt.lastWords, stop: attempt.ladder)
        do {
            let state = try await store.attemptEnded(
                job, fence: attempt.fence, verdict.ending, detail: verdict.detail,
                step: result?.steps ?? attempt.lastStep, exit: exit.numbers,
                usage: result?.usage ?? attempt.lastWords?.usage, policy: nil, now: time.wall)
            Boundary.recordAfterCommit.reach()
            counters.ended(attempt, verdict.ending.outcome, now: time.monotonic)
            if verdict.ending.outcome == .oom, state == .backoff { await reserveMore(attempt) }
            forget(attempt)
            announceEnd(of: attempt, verdict, state)
            recovered("recording ends")
        } catch StoreError.staleWrite {
            // Somebody else ended it; what it did is in its files, and the newer attempt decides.
            forget(attempt)
            log(attempt).event(
                .staleWriteRefused, level: .warning, "job \(job): its end came too late and was not taken")
        } catch {
            fail("recording ends", error)
        }
    }

    /// A job that ran out of memory gets half as much again, if that was measured and not asked for, and there is so
    /// much.
    private func reserveMore(_ attempt: ActiveAttempt) async {
        guard case .automatic = attempt.spec.resources.memory else { return }
        let more = attempt.memory / 2 * 3
        guard more <= machine.memory else { return }
        await record("reservation", attempt.job) {
            guard let disk = try await store.job(attempt.job)?.disk else { return }
            try await store.reserve(attempt.job, memory: more, disk: disk)
        }
    }

    private func forget(_ attempt: ActiveAttempt) {
        active[attempt.job] = nil
        isQueueChanged = true
    }
}
