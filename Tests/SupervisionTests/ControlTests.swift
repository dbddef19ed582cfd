import DurableFiles
import JobModel
import JobQueue
import TestFolders
import Testing

@testable import Supervision

@Suite("What people ask for")
struct ControlTests {
    private let harness: SupervisorHarness
    private static let root = Requester(uid: 0, name: "root", groups: [])
    private static let stranger = Requester(uid: 70_001, name: "ada", groups: ["hone"])

    init() throws { harness = try SupervisorHarness() }

    private func running(_ name: String = "a", _ more: String = "") async throws -> FakeLauncher.Worker {
        try harness.drop("\(name).yaml", SupervisorHarness.spec(name, more))
        let worker = try await harness.worker(0)
        await worker.begin()
        return worker
    }

    @Test func aWishSurvivesTheDeathOfTheDaemon() async throws {
        _ = try await running()
        let state = try await harness.store.setWish(.pause, for: 1, actor: "ada", now: harness.time.wall)
        #expect(state == .stopping)
        // The daemon dies before the worker was told.
        try harness.restart()
        try await harness.supervisor.recover()
        #expect(try await harness.state(1) == .held)
        _ = try await harness.supervisor.act(.resume, on: 1, by: Self.root)
        #expect(try await harness.worker(1).launch.start.fence == 2)
    }

    @Test func aCancelledJobSavesFirst() async throws {
        let worker = try await running()
        let answer = try await harness.supervisor.act(.cancel, on: 1, by: Self.root)
        #expect(answer.state == .stopping && answer.want == .cancel)
        try await harness.waiting { worker.received.contains(.terminate) }
        worker.exit(.exited(75))
        try await harness.turn(untilJob: 1, is: .cancelled)
        #expect(try harness.status("1-a").state == .cancelled)
    }

    @Test func anOrphanIsAskedForNoCheckpoint() async throws {
        _ = try await running()
        try harness.restart()
        guard let lock = try FileLock.acquire(harness.root.run(1, "a").lock) else {
            Issue.record("the lock is held by somebody else")
            return
        }
        try await harness.supervisor.recover()
        await #expect(throws: ControlError.self) { try await harness.supervisor.act(.ckpt, on: 1, by: Self.root) }
        #expect(try await harness.store.events(after: 0, job: 1, limit: 100).allSatisfy { $0.type != "ckpt_requested" })
        _ = consume lock
    }

    /// The decision is in the database: a status file that cannot be written is not a daemon that cannot work.
    @Test func aDisplayThatFailsDoesNotDegradeTheDaemon() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("a", "hold: true"))
        try await harness.turn(untilJob: 1, is: .held)
        try removeTree("\(harness.root.runs)/1-a")
        try harness.place.write("", to: "runs/1-a")
        _ = try await harness.supervisor.act(.cancel, on: 1, by: Self.root)
        #expect(try await harness.state(1) == .cancelled)
        #expect(await harness.supervisor.degraded == nil)
    }

    @Test func aCheckpointIsOrdered() async throws {
        let worker = try await running()
        _ = try await harness.supervisor.act(.ckpt, on: 1, by: Self.root)
        try await harness.waiting { worker.received.contains(.send(.checkpoint(reason: "asked for"))) }
        #expect(try await harness.state(1) == .running)
    }

    @Test(arguments: JobVerb.allCases)
    func strangersAreRefused(_ verb: JobVerb) async throws {
        _ = try await running()
        await #expect(throws: ControlError.self) {
            try await harness.supervisor.act(verb, on: 1, by: Self.stranger)
        }
        #expect(try await harness.state(1) == .running)
    }

    @Test func onlyAdministratorsDrain() async throws {
        await #expect(throws: ControlError.self) {
            try await harness.supervisor.setDraining(true, by: Self.stranger)
        }
        #expect(try await !harness.store.isDraining())
        try await harness.supervisor.setDraining(true, by: Self.root)
        #expect(try await harness.store.isDraining())
    }

    @Test func aHeldJobShowsInItsStatusFile() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("a", "hold: true"))
        try await harness.turn(untilJob: 1, is: .held)
        _ = try await harness.supervisor.act(.cancel, on: 1, by: Self.root)
        #expect(try harness.status("1-a").state == .cancelled)
    }

    @Test func aJobThatRanOutOfMemoryGetsMore() async throws {
        let worker = try await running()
        #expect(worker.launch.start.memory == 1150)
        await worker.say(.result(ResultEvent(outcome: .oom)))
        try worker.writeResult(.oom, steps: 2)
        worker.exit(.exited(70))
        try await harness.turn(untilJob: 1, is: .backoff)
        // Recorded after the end of the attempt, which the first turn may see alone.
        try await harness.turn { try await harness.store.job(1)?.memory == 1725 }
    }

    @Test func pressureIsReadAsTheKernelWritesIt() throws {
        let text = """
            some avg10=12.00 avg60=3.00 avg300=1.00 total=100
            full avg10=10.50 avg60=1.00 avg300=0.50 total=50
            """
        let pressure = try #require(MemoryPressure(text))
        #expect(pressure.full == 10.5 && pressure.complaint != nil)
        #expect(MemoryPressure("full avg10=0.00 avg60=0\n")?.complaint == nil)
        #expect(MemoryPressure("nonsense") == nil)
    }

    @Test func oneLineOfProgressForEachInterval() async throws {
        let worker = try await running()
        await worker.say(.progress(ProgressEvent(step: 4, total: 10, loss: 0.123456, etaS: 90)))
        await harness.supervisor.turn()
        #expect(!harness.lines.all.contains { $0.contains("step 4 of 10") })
        harness.time.advance(.seconds(301))
        await harness.supervisor.turn()
        await harness.supervisor.turn()
        let spoken = harness.lines.all.filter { $0.contains("step 4 of 10") }
        #expect(spoken.count == 1, "\(spoken)")
        #expect(spoken.first?.hasPrefix("info job 1: ") == true && spoken.first?.contains("loss 0.1235") == true)
    }
}
