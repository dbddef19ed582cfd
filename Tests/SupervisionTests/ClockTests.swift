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
}
