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
    let passes = try Passes(team: ThreadTeam(threads: threads))
    passes.step()
    let before = hone_allocation_count()
    for _ in 0..<20 { passes.step() }
    let count = hone_allocation_count() - before
    precondition(count == 0, "\(count) allocations in 20 steps on \(threads) threads")
    withExtendedLifetime(passes) {}
}

/// A pass over all rows, and one with rows that nobody reads, in both directions. It owns what the steps need, so that
/// nothing is taken down while allocations are counted.
private final class Passes {
    private let whole, part: ModelRun
    private let inputs: RowSelection?

    init(team: ThreadTeam) throws {
        let model = try TinyModel.headNorms.model(team: team)
        // Attention and the longer rows are shared by the team.
        whole = try ModelRun(model, sequences: [tinyTokens(20, seed: 1), tinyTokens(30, seed: 3)], team: team)
        let rows = whole.targets.rows.filter { $0 % 3 > 0 }
        part = try ModelRun(
            model, whole.ids, whole.layout, HeadTargets(rows: rows, ids: rows.map { _ in 3 }), reading: rows,
            team: team)
        inputs = RowSelection(0..<10, of: whole.layout)
        precondition(part.activations.stack.selection != nil && inputs != nil, "nothing is left out")
    }

    func step() {
        whole.forward()
        whole.gradient.fill(-1)
        whole.backward()
        part.forward()
        part.gradient.fill(-1)
        part.backward()
        part.model.backward(
            nil, part.layout, part.activations, inputRows: inputs, part.pass, part.context.asking(for: .inputs))
    }
}
