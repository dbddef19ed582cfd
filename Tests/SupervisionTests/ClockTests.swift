import JobModel
import Testing

@testable import Supervision

/// The time of day may be set at any moment, by a day forwards or backwards: nothing hangs, nothing is ended, and new
/// jobs start.
@Suite struct ClockTests {
    @Test(arguments: [-86_400, 86_400, -3_650 * 86_400] as [Int64])
    func aJumpStopsNobody(seconds: Int64) async throws {
        let harness = try SupervisorHarness()
        try harness.drop("a.yaml", SupervisorHarness.spec("a"))
        let worker = try await harness.worker(0)
        await worker.begin()
        try await harness.turn(untilJob: 1, is: .running)
        harness.time.setWall(offBy: Milliseconds(seconds: seconds))
        for _ in 0..<5 { await harness.supervisor.turn() }
        #expect(try await harness.state(1) == .running)
        #expect(worker.received.isEmpty, "\(worker.received)")
        try harness.drop("b.yaml", SupervisorHarness.spec("b"))
        let second = try await harness.worker(1)
        await second.begin()
        try second.writeResult()
        second.exit(.exited(0))
        try await harness.turn(untilJob: 2, is: .succeeded)
    }

    /// The wait after a failure is as long as it was meant to be, whatever the clock on the wall says meanwhile.
    @Test(arguments: [-86_400, 86_400, 0] as [Int64], [false, true])
    func aJumpDoesNotChangeTheWaitAfterAFailure(seconds: Int64, restarted: Bool) async throws {
        let harness = try SupervisorHarness()
        try harness.drop("a.yaml", SupervisorHarness.spec("a", "retry: {backoff: 60s}"))
        let worker = try await harness.worker(0)
        await worker.begin()
        worker.exit(.exited(70))
        try await harness.turn(untilJob: 1, is: .backoff)
        await harness.supervisor.turn()
        harness.time.setWall(offBy: Milliseconds(seconds: seconds))
        if restarted { try harness.restart() }
        await harness.supervisor.turn()
        // A daemon that has just started has only the time of day, and takes a wait that is over by it for over.
        let isOver = restarted && seconds > 0
        if !isOver {
            harness.time.advance(.seconds(59))
            await harness.supervisor.turn()
            #expect(try await harness.state(1) == .backoff)
            harness.time.advance(.seconds(17))
        }
        let second = try await harness.worker(1)
        await second.begin()
        try await harness.turn(untilJob: 1, is: .running)
    }
}
