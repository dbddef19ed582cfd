import JobModel
import JobQueue
import Testing

@testable import Supervision

@Suite("Preemption")
struct PreemptionTests {
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)
    private static let long = Milliseconds(seconds: 3600)

    private static func running(
        _ id: Int64, cores: [Int], priority: Int, minutes: Int64 = 60, age: Int64 = 0, isEnding: Bool = false
    ) -> Scheduler.Running {
        Scheduler.Running(
            id: id, cores: cores, memory: 10, until: now + long, priority: priority,
            submitted: Timestamp(milliseconds: now.milliseconds - age * 3_600_000),
            ran: Milliseconds(seconds: minutes * 60), isEnding: isEnding)
    }

    private static func decide(
        cpus: Int = 1, memory: Int64 = 10, priority: Int, _ running: [Scheduler.Running], after: Milliseconds?
    ) -> [Int64] {
        let job = Scheduler.Waiting(
            id: 99, priority: priority, submitted: now, cpus: cpus, memory: memory, timeLeft: long)
        return Scheduler.decide(
            waiting: [job], running: running, capacity: .init(cores: [0, 1, 2, 3], memory: 100), now: now,
            preemptAfter: after
        ).evictions.map(\.id)
    }

    private static let ten = Milliseconds(seconds: 600)

    @Test func theLowestMakesRoom() {
        let running = [Self.running(1, cores: [0, 1], priority: 5), Self.running(2, cores: [2, 3], priority: 0)]
        #expect(Self.decide(priority: 10, running, after: Self.ten) == [2])
        #expect(Self.decide(cpus: 4, priority: 10, running, after: Self.ten) == [2, 1])
        #expect(Self.decide(priority: 10, running, after: nil) == [])
    }

    @Test func nobodyStopsForAnEqualOrInVain() {
        let running = [Self.running(1, cores: [0, 1], priority: 5), Self.running(2, cores: [2, 3], priority: 0)]
        #expect(Self.decide(priority: 0, running, after: Self.ten) == [])
        #expect(Self.decide(cpus: 4, priority: 3, running, after: Self.ten) == [])
    }

    @Test func onlyAsManyAsSuffice() {
        let running = [
            Self.running(1, cores: [0], priority: 0), Self.running(2, cores: [1, 2, 3], priority: 1),
        ]
        #expect(Self.decide(cpus: 3, priority: 10, running, after: Self.ten) == [2])
    }

    @Test func aJobThatHasJustBegunGoesOn() {
        let running = [Self.running(1, cores: [0, 1, 2, 3], priority: 0, minutes: 9)]
        #expect(Self.decide(priority: 10, running, after: Self.ten) == [])
    }

    @Test func whatIsEndingAlreadyIsWaitedFor() {
        let running = [
            Self.running(1, cores: [0, 1], priority: 0, isEnding: true), Self.running(2, cores: [2, 3], priority: 0),
        ]
        #expect(Self.decide(cpus: 2, priority: 10, running, after: Self.ten) == [])
    }

    /// It would be ahead of the other in the queue and start again at once.
    @Test func oneThatWouldComeBackFirstGoesOn() {
        let running = [Self.running(1, cores: [0, 1, 2, 3], priority: 9, age: 48)]
        #expect(Self.decide(priority: 10, running, after: Self.ten) == [])
    }

    @Test func aJobSavesForAnotherAndGoesOnAfterIt() async throws {
        let harness = try SupervisorHarness(cores: 1)
        await harness.supervisor.configure { $0.preemptAfter = Self.ten }
        try harness.drop("low.yaml", SupervisorHarness.spec("low"))
        let low = try await harness.worker(0)
        await low.begin()
        try harness.drop("high.yaml", SupervisorHarness.spec("high", "priority: 5"))
        try await harness.turn(untilJob: 2, is: .queued)
        #expect(!low.received.contains(.terminate))
        harness.time.advance(.seconds(601))
        try await harness.turn { low.received.contains(.terminate) }
        low.exit(.exited(75))
        let high = try await harness.worker(1)
        #expect(high.launch.start.job == 2)
        #expect(try await harness.state(1) == .queued)
        try high.writeResult()
        high.exit(.exited(0))
        #expect(try await harness.worker(2).launch.start.job == 1)
    }
}
