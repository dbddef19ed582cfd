import DurableFiles
import Glibc
import JobModel
import JobQueue
import TestFolders
import Testing

@testable import Supervision

/// What a new daemon makes of what the last one left.
@Suite("Recovery")
struct RecoveryTests {
    private let harness: SupervisorHarness
    private let run: RunDirectory

    /// A job that runs; its daemon is about to vanish.
    init() async throws {
        harness = try SupervisorHarness()
        run = harness.root.run(1, "first")
        try harness.drop("a.yaml", SupervisorHarness.spec("first"))
        try await harness.worker(0).begin()
        #expect(try await harness.state(1) == .running)
        try harness.restart()
    }

    @Test func aLostAttemptIsQueuedAgain() async throws {
        try harness.place.make("runs/1-first/checkpoints/step-000000500")
        try harness.place.make("runs/1-first/checkpoints/.tmp-step-600.1")
        try await harness.supervisor.recover()
        #expect(try await harness.state(1) == .queued)
        let attempt = try #require(try await harness.store.job(1)?.attempts.first)
        #expect(attempt.outcome == .lostDaemon)
        #expect(attempt.lastStep == 500)
        #expect(try await harness.worker(1).launch.start.fence == 2)
    }

    @Test func aResultThatWasWrittenCounts() async throws {
        try await harness.worker(0).writeResult()
        try await harness.supervisor.recover()
        #expect(try await harness.state(1) == .succeeded)
        let status = try JSONCoding.decode(StatusRecord.self, from: try readFile(run.status, limit: 1 << 20))
        #expect(status.state == .succeeded)
        #expect(status.phase == nil)
    }

    @Test func aResultOfAnotherAttemptDoesNot() async throws {
        let result = ResultRecord(
            job: 1, name: "first", method: .sft, specSha256: "", fence: 7, outcome: .success, steps: 1,
            finished: Timestamp(milliseconds: 0))
        try durableWrite(try JSONCoding.encode(result), to: run.result)
        try await harness.supervisor.recover()
        #expect(try await harness.state(1) == .queued)
    }

    @Test func aBrokenResultDoesNot() async throws {
        try durableWrite("{", to: run.result)
        try await harness.supervisor.recover()
        #expect(try await harness.state(1) == .queued)
    }

    /// A worker that outlived its daemon still holds the lock: its job must not start a second time.
    @Test func anOrphanIsWaitedFor() async throws {
        guard let lock = try FileLock.acquire(run.lock) else {
            Issue.record("the lock is held by somebody else")
            return
        }
        try await harness.supervisor.recover()
        for _ in 0..<5 { await harness.supervisor.turn() }
        #expect(try await harness.state(1) == .running)
        #expect(harness.launcher.all.count == 1)
        _ = consume lock
        let next = try await harness.worker(1)
        #expect(next.launch.start.fence == 2)
    }

    /// What a lost queue left: numbers are given anew, and an empty directory must not stand in the way.
    @Test func directoriesThatWereNeverBegunGo() async throws {
        try harness.place.make("runs/7-ghost")
        try harness.place.write("{", to: "runs/7-ghost/.spec.json.tmp")
        try harness.place.make("runs/1-other")
        try harness.place.make("runs/8-strange/checkpoints")
        try harness.place.make("runs/notes")
        try await harness.supervisor.recover()
        #expect(try harness.place.names("runs") == ["1-first", "8-strange", "notes"])
        #expect(harness.lines.all.contains { $0.hasPrefix("warning") && $0.contains("8-strange") })
    }

    @Test func aClaimWithoutAProcessIsGivenBack() async throws {
        try await harness.supervisor.recover()
        let claimed = try await harness.store.claim(1, cores: [0], memory: 1, now: harness.time.wall)
        #expect(claimed?.fence == 2)
        try removeTree(run.path)
        try harness.restart()
        try await harness.supervisor.recover()
        #expect(try await harness.state(1) == .queued)
        let third = try await harness.worker(1)
        #expect(third.launch.start.fence == 3)
        #expect(harness.place.exists("runs/1-first/spec.json"))
    }
}
