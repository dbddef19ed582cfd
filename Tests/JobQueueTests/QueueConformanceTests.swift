import JobModel
import JobQueue
import Testing

/// What every store has to do; run over the one there is, in memory.
@Suite struct QueueConformanceTests {
    let store: any JobStore

    init() throws { store = try SQLiteJobStore.inMemory() }

    @Test func aFileBecomesAJobOnce() async throws {
        let job = try Fixtures.job("a")
        let first = try await store.submit(job, from: Fixtures.file(1), now: Fixtures.now)
        #expect(first.outcome == .accepted && first.jobName == "a")
        #expect(try await store.submissionInDrop(Fixtures.file(1)) == first)
        #expect(try await store.submit(job, from: Fixtures.file(1), now: Fixtures.now) == first)
        #expect(try await store.jobs(JobPage(.all)).count == 1)

        try await store.markMoved([first.id])
        #expect(try await store.submissionInDrop(Fixtures.file(1)) == nil)
        let again = try await store.submit(job, from: Fixtures.file(1), now: Fixtures.now)
        #expect(again.outcome == .accepted && again.job != first.job)
    }

    @Test func refusedFilesAreRemembered() async throws {
        let rejected = try await store.reject(Fixtures.file(1), reason: "a.yaml:1:1: error", now: Fixtures.now)
        #expect(rejected.outcome == .rejected && rejected.job == nil)
        #expect(try await store.submissionInDrop(Fixtures.file(1)) == rejected)
    }

    @Test func idempotencyKeysArePerUserAndContent() async throws {
        let lines = "idempotency_key: k"
        let first = try await store.add("a", lines)
        let twin = try await store.submit(try Fixtures.job("a", lines), from: Fixtures.file(2), now: Fixtures.now)
        #expect(twin.outcome == .duplicate && twin.job == first)
        let other = try Fixtures.job("a", lines + "\npriority: 1")
        await #expect(throws: StoreError.self) {
            try await store.submit(other, from: Fixtures.file(3), now: Fixtures.now)
        }
        #expect(try await store.add("a", lines, uid: 2000) != first)
    }

    @Test func aJobWaitsForTheDigestsOfItsInputs() async throws {
        let job = try await store.add("a", hashed: false)
        #expect(try await store.state(job) == .blocked)
        #expect(try await store.job(job)?.summary.reason == .inputs(hashed: 0))
        try await store.pinInputs([job: [Fixtures.pin(.model, "/data/m")]], now: Fixtures.now)
        #expect(try await store.blockedJobs().first?.reason == .inputs(hashed: 0.5))
        try await store.pinInputs([job: [Fixtures.pin(.trainingData, "/data/rows.jsonl")]], now: Fixtures.now)
        #expect(try await store.state(job) == .queued)
        #expect(try await store.job(job)?.summary.reason == nil)
    }

    @Test func onlyAQueuedJobIsClaimedAndOnlyOnce() async throws {
        let job = try await store.add("a")
        let claim = try await store.claim(job, cores: [2, 3], memory: 5, now: Fixtures.now)
        #expect(claim?.fence == 1 && claim?.inputs.count == 2)
        #expect(try await store.claim(job, cores: [0], memory: 5, now: Fixtures.now) == nil)
        #expect(try await store.openAttempts().map(\.job) == [job])
        #expect(try await store.job(job)?.attempts.first?.cpuList == "2,3")
    }

    @Test func anAttemptRunsToSuccess() async throws {
        let job = try await store.add("a")
        let fence = try await store.start(job)
        #expect(try await store.state(job) == .running)
        try await store.attemptProgressed(job, fence: fence, step: 5, now: Fixtures.later(1))
        let checkpoint = CheckpointEvent(
            step: 4, dir: "step-000000004", manifestSha256: Fixtures.digest, bytes: 10, ms: 1)
        try await store.checkpointSaved(job, fence: fence, checkpoint, now: Fixtures.later(2))
        #expect(try await store.end(job, fence, .success, step: 9, at: Fixtures.later(3)) == .succeeded)

        let details = try #require(try await store.job(job))
        #expect(details.checkpoints.map(\.step) == [4])
        #expect(details.attempts.map(\.lastStep) == [9] && details.attempts.first?.outcome == .success)
        #expect(details.summary.finished == Fixtures.later(3) && details.summary.bestStep == 9)
        let moves = try await store.events(after: 0, job: job, limit: 100).compactMap(\.to)
        #expect(moves == [.blocked, .queued, .starting, .running, .succeeded])
        #expect(try await store.openAttempts().isEmpty)
    }

    @Test func staleWritesChangeNothingAndAreRecorded() async throws {
        let job = try await store.add("a")
        let old = try await store.start(job)
        #expect(try await store.end(job, old, .lostDaemon) == .queued)
        let new = try await store.start(job)
        #expect(new == old + 1)
        await #expect(throws: StoreError.staleWrite(job: job, fence: old)) { try await store.end(job, old, .success) }
        await #expect(throws: StoreError.staleWrite(job: job, fence: old)) {
            try await store.attemptProgressed(job, fence: old, step: 99, now: Fixtures.now)
        }
        #expect(try await store.state(job) == .running)
        #expect(try await store.job(job)?.summary.bestStep == 0)
        #expect(try await store.end(job, new, .success) == .succeeded)
        await #expect(throws: StoreError.staleWrite(job: job, fence: new)) { try await store.end(job, new, .success) }
        let refusals = try await store.events(after: 0, job: job, limit: 100).filter {
            $0.type == "stale_write_refused"
        }
        #expect(refusals.map(\.attempt) == [old, old, new])
    }

    @Test func failuresAreTriedAgainAfterAWhile() async throws {
        let job = try await store.add("a", "retry: {backoff: 10s, max_failures: 1}")
        #expect(try await store.end(job, try await store.start(job), .crash, step: 3) == .backoff)
        let backoff = try #require(try await store.backoffs().first)
        #expect(backoff.job == job && backoff.fence == 1)
        let wait = backoff.until.milliseconds - backoff.since.milliseconds
        #expect(wait >= 10_000 && wait <= 13_000)
        try await store.endBackoffs(of: [job], now: Fixtures.later(13))
        #expect(try await store.backoffs().isEmpty)
        // By a clock that was set back, the end of the wait is still to come; the job may start all the same.
        #expect(try await store.queuedJobs().map(\.notBefore) == [nil])
        try await store.endBackoffs(of: [job], now: Fixtures.later(13))
        #expect(try await store.job(job)?.summary.state == .queued)
        #expect(try await store.end(job, try await store.start(job), .crash, step: 2) == .failed)
        #expect(try await store.job(job)?.summary.reason == .ended(outcome: .crash, detail: "why"))
        #expect(try await store.unsuccessfulEnds(after: 0) == 1)
        #expect(try await store.retry(job, actor: "user", now: Fixtures.now) == .queued)
        #expect(try await store.unsuccessfulEnds(after: 0) == 0)
    }

    @Test func aRetryDoesNotWaitForTheEndOfTheBackoff() async throws {
        let job = try await store.add("a", "retry: {backoff: 1h, max_failures: 3}")
        #expect(try await store.end(job, try await store.start(job), .crash, step: 3) == .backoff)
        #expect(try await store.queuedJobs().isEmpty)
        #expect(try await store.retry(job, actor: "user", now: Fixtures.now) == .queued)
        #expect(try await store.queuedJobs().map(\.notBefore) == [nil])
        #expect(try await store.end(job, try await store.start(job), .crash, step: 4) == .backoff)
        #expect(try await store.setWish(.cancel, for: job, actor: "user", now: Fixtures.now) == .cancelled)
        #expect(try await store.retry(job, actor: "user", now: Fixtures.now) == .queued)
        #expect(try await store.queuedJobs().map(\.notBefore) == [nil])
    }

    @Test func aRetriedJobThatNeverRanWaitsForItsTime() async throws {
        let job = try await store.add("a", "not_before: 2100-01-02T03:04:05Z")
        #expect(try await store.setWish(.cancel, for: job, actor: "user", now: Fixtures.now) == .cancelled)
        #expect(try await store.retry(job, actor: "user", now: Fixtures.now) == .queued)
        #expect(try await store.queuedJobs().first?.notBefore != nil)
    }

    @Test func aFileThatCannotBeReadIsKnownWithoutItsDigest() async throws {
        let first = try await store.submit(try Fixtures.job("a"), from: Fixtures.file(1), now: Fixtures.now)
        var unread = Fixtures.file(1)
        unread.sha256 = String(repeating: "00", count: 32)
        #expect(try await store.submissionInDrop(unread) == nil)
        #expect(try await store.submissionInDrop(unread, wasRead: false) == first)
        unread.inode = 2
        #expect(try await store.submissionInDrop(unread, wasRead: false) == nil)
    }

    @Test func aRequestIsRecordedWithWhatItAnnounces() async throws {
        let job = try await store.add("a")
        await #expect(throws: StoreError.self) {
            try await store.requestStop(of: job, actor: "ada", now: Fixtures.later(1))
        }
        await #expect(throws: StoreError.self) {
            try await store.requestCheckpoint(of: job, actor: "ada", now: Fixtures.later(1))
        }
        let fence = try await store.start(job)
        try await store.requestCheckpoint(of: job, actor: "ada", now: Fixtures.later(2))
        #expect(try await store.job(job)?.summary.state == .running)
        try await store.requestStop(of: job, actor: "ada", now: Fixtures.later(2))
        let details = try #require(try await store.job(job))
        #expect(details.summary.state == .stopping && details.attempts.map(\.state) == ["stopping"])
        let events = try await store.events(after: 0, job: job, limit: 100)
        #expect(events.filter { $0.actor == "ada" && $0.attempt == fence }.map(\.type) == [
            "ckpt_requested", "stop_requested", "state",
        ])
        await #expect(throws: StoreError.self) {
            try await store.requestStop(of: job, actor: "ada", now: Fixtures.later(3))
        }
        #expect(try await store.events(after: 0, job: job, limit: 100).count == events.count)
    }

    @Test func aJobWithoutAFile() async throws {
        let job = try Fixtures.job("a", "idempotency_key: k")
        let (first, isNew) = try await store.accept(job, from: 7, actor: "ada", now: Fixtures.later(1))
        #expect(isNew)
        let again = try await store.accept(job, from: 7, actor: "ada", now: Fixtures.later(2))
        #expect(again.job == first && !again.isNew)
        #expect(try await store.job(first)?.summary.uid == 7)
        #expect(try await store.events(after: 0, job: first, limit: 1).map(\.type) == ["job_accepted"])
        let other = try Fixtures.job("b", "idempotency_key: k")
        await #expect(throws: StoreError.self) {
            _ = try await store.accept(other, from: 7, actor: "ada", now: Fixtures.later(3))
        }
        #expect(try await store.unfinishedCounts() == [7: 1])
        #expect(try await store.queueCounts()["default"]?.values.reduce(0, +) == 1)
    }

    @Test func settingsStay() async throws {
        try await store.setSetting("queue.night", to: "{}", actor: "ada", now: Fixtures.later(1))
        try await store.setDraining(true, actor: "ada", now: Fixtures.later(1))
        #expect(try await store.settings("queue.") == ["queue.night": "{}"])
        try await store.setSetting("queue.night", to: nil, actor: "ada", now: Fixtures.later(1))
        #expect(try await store.settings("queue.").isEmpty)
        #expect(try await store.isDraining())
    }

    @Test func filesGoOnlyWhenNobodyNeedsThem() async throws {
        let job = try await store.add("a")
        func clean() async throws {
            try await store.requestCleaning(of: job, what: ["artifacts"], dryRun: false, actor: "ada", now: Fixtures.later(9))
        }
        await #expect(throws: StoreError.self) { try await clean() }
        #expect(try await store.end(job, try await store.start(job), .success) == .succeeded)
        let ended = try await store.endedJobs(before: Fixtures.later(1_000_000), after: 0, limit: 10)
        #expect(ended.map(\.id) == [job])
        #expect(try await store.endedJobs(before: Fixtures.later(1_000_000), after: job, limit: 10).isEmpty)
        let other = try await store.add("b", "after: [a]")
        await #expect(throws: StoreError.self) { try await clean() }
        _ = try await store.setWish(.cancel, for: other, actor: "ada", now: Fixtures.later(9))
        try await clean()
        #expect(try await store.events(after: 0, job: job, limit: 100).last?.type == "cleaned")
    }

    @Test func theSameFailureAtTheSameStepIsPoison() async throws {
        let job = try await store.add("a", "retry: {max_failures: 50, backoff: 1s}")
        #expect(try await store.end(job, try await store.start(job), .crash, step: 7) == .backoff)
        try await store.endBackoffs(of: [job], now: Fixtures.later(99))
        #expect(try await store.end(job, try await store.start(job), .lostDaemon, step: 7) == .queued)
        #expect(try await store.end(job, try await store.start(job), .crash, step: 7) == .backoff)
        try await store.endBackoffs(of: [job], now: Fixtures.later(99))
        #expect(try await store.end(job, try await store.start(job), .crash, step: 7) == .quarantined)
    }

    @Test func wishesAreKeptUntilTheWorkerHasStopped() async throws {
        let job = try await store.add("a")
        let fence = try await store.start(job)
        #expect(try await store.setWish(.pause, for: job, actor: "user", now: Fixtures.now) == .stopping)
        #expect(try await store.end(job, fence, .checkpointed, step: 4) == .held)
        #expect(try await store.setWish(.run, for: job, actor: "user", now: Fixtures.now) == .queued)
        #expect(try await store.setWish(.cancel, for: job, actor: "user", now: Fixtures.now) == .cancelled)
        await #expect(throws: StoreError.self) {
            try await store.setWish(.run, for: job, actor: "user", now: Fixtures.now)
        }
    }

    @Test func aStopBeforeTheLockIsKept() async throws {
        let job = try await store.add("a")
        let fence = try #require(try await store.claim(job, cores: [0], memory: 1, now: Fixtures.now)).fence
        try await store.attemptStopping(job, fence: fence, now: Fixtures.now)
        try await store.attemptRunning(job, fence: fence, resumeStep: 0, now: Fixtures.now)
        #expect(try await store.state(job) == .stopping)
    }

    @Test func heldJobsWaitForARelease() async throws {
        let job = try await store.add("a", "hold: true")
        #expect(try await store.state(job) == .held)
        #expect(try await store.setWish(.run, for: job, actor: "user", now: Fixtures.now) == .queued)
    }

    @Test func theQueueIsInOrderOfPriorityAndAge() async throws {
        let low = try await store.add("low", "priority: -1")
        let first = try await store.add("first")
        let second = try await store.add("second")
        let high = try await store.add("high", "priority: 5\nresources: {cpus: 2, time_limit: 1h}")
        let queued = try await store.queuedJobs()
        #expect(queued.map(\.id) == [high, first, second, low])
        #expect(queued[0].cpus == 2 && queued[0].timeLimit == Milliseconds(seconds: 3600))
        #expect(queued.map(\.name) == ["high", "first", "second", "low"] && queued[0].priority == 5)
    }

    @Test func listingsComeInPages() async throws {
        var ids: [Int64] = []
        for number in 0..<7 { ids.append(try await store.add("j\(number)")) }
        try await store.end(ids[3], try await store.start(ids[3]), .success)
        #expect(try await store.jobs(JobPage(.live)).map(\.id) == ids.reversed().filter { $0 != ids[3] })
        let page = try await store.jobs(JobPage(.all, limit: 3)).map(\.id)
        #expect(page == Array(ids.reversed().prefix(3)))
        #expect(
            try await store.jobs(JobPage(.all, before: page.last, limit: 100)).map(\.id)
                == Array(ids.reversed().dropFirst(3)))
        #expect(try await store.liveCounts() == [.queued: 6])
        #expect(try await store.newestJob(named: "j5", uid: nil) == ids[5])
        #expect(try await store.newestJob(named: "none", uid: 1000) == nil)
    }

    @Test func reservationsReasonsAndDraining() async throws {
        let job = try await store.add("a")
        try await store.reserve(job, memory: 77, disk: 88)
        try await store.explain([job: .memory(need: 77, free: 1)])
        let details = try await store.job(job)
        #expect(details?.memory == 77 && details?.disk == 88)
        #expect(details?.summary.reason == .memory(need: 77, free: 1))
        #expect(try await store.isDraining() == false)
        try await store.setDraining(true, actor: "user", now: Fixtures.now)
        #expect(try await store.isDraining())
        try await store.fail(job, outcome: .dataError, detail: "gone", now: Fixtures.now)
        #expect(try await store.state(job) == .failed)
        await #expect(throws: StoreError.self) { try await store.reserve(job, memory: 1, disk: 1) }
        await #expect(throws: StoreError.noSuchJob(99)) { try await store.retry(99, actor: "user", now: Fixtures.now) }
    }
}
