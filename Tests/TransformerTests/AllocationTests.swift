import CMalloc
import Compute
import TestSupport
import Testing
import Transformer

/// A step works in its arena: the heap does not grow. Measured in a process of its own, where no other test allocates.
@Suite struct AllocationTests {
    @Test func stepsLeaveTheHeapAsItIs() async {
        await #expect(processExitsWith: .success) {
            let team = try ThreadTeam(threads: 2)
            let model = try TinyModel.headNorms.model(team: team)
            let sequences = [tinyTokens(7, seed: 1), tinyTokens(12, seed: 3)]
            let run = try ModelRun(model, sequences: sequences, team: team)
            func step() {
                run.forward()
                run.gradient.fill(-1)
                run.backward()
            }
            step()
            let before = mallinfo2().uordblks
            for _ in 0..<20 { step() }
            let after = mallinfo2().uordblks
            precondition(after == before, "the heap went from \(before) to \(after) bytes in 20 steps")
        }
    }
}
