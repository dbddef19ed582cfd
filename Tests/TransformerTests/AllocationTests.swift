import CMalloc
import Compute
import TestSupport
import Testing
import Transformer

/// A step works in its arena: forward and backward ask the heap for nothing, on any number of threads. Counted in a
/// process of its own, where no other test allocates.
@Suite struct AllocationTests {
    @Test(.enabled(if: ThreadTeam.multipliesItself, "the library allocates in its products"))
    func stepsAllocateNothingOnOneThread() async {
        await #expect(processExitsWith: .success) { try expectNoAllocations(threads: 1) }
    }

    @Test(.enabled(if: ThreadTeam.multipliesItself, "the library allocates in its products"))
    func stepsAllocateNothingOnTwoThreads() async {
        await #expect(processExitsWith: .success) { try expectNoAllocations(threads: 2) }
    }

    /// The counter itself must be able to fail a test.
    @Test func theCounterSeesAnArray() async {
        await #expect(processExitsWith: .success) {
            let before = hone_allocation_count()
            let values = [Int](repeating: CommandLine.arguments.count, count: 1000)
            precondition(hone_allocation_count() > before, "an array of \(values.count) numbers was not counted")
        }
    }
}

private func expectNoAllocations(threads: Int) throws {
    let team = try ThreadTeam(threads: threads)
    let model = try TinyModel.headNorms.model(team: team)
    // Attention and the longer rows are shared by the team.
    let sequences = [tinyTokens(20, seed: 1), tinyTokens(30, seed: 3)]
    let run = try ModelRun(model, sequences: sequences, team: team)
    func step() {
        run.forward()
        run.gradient.fill(-1)
        run.backward()
    }
    step()
    let before = hone_allocation_count()
    for _ in 0..<20 { step() }
    let count = hone_allocation_count() - before
    precondition(count == 0, "\(count) allocations in 20 steps on \(threads) threads")
}
