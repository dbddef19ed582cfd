import Compute
import Foundation
import Testing

@Suite("Arena and team")
struct MemoryTests {
    @Test func measuringCountsWhatAllocationTakes() throws {
        func layOut(in arena: Arena) {
            _ = arena.matrix(3, 5)
            let mark = arena.mark()
            _ = arena.matrix(100, 7)
            arena.rewind(to: mark)
            _ = arena.integers(9)
        }
        let measuring = Arena.measuring()
        layOut(in: measuring)
        let real = try Arena(byteCount: measuring.highWaterMark)
        layOut(in: real)
        #expect(real.highWaterMark == measuring.highWaterMark && real.used == measuring.used)
    }

    @Test func windowsAreAlignedAndApart() throws {
        let arena = try Arena(byteCount: 1 << 16)
        let (a, b) = (arena.matrix(3, 3), arena.matrix(3, 3))
        #expect(UInt(bitPattern: a.base) % 64 == 0 && UInt(bitPattern: b.base) % 64 == 0)
        #expect(b.base - a.base >= 9)
    }

    @Test func anImpossibleSizeIsAnError() {
        #expect(throws: ComputeError.self) { try Arena(byteCount: 1 << 60) }
    }

    @Test(arguments: [1, 2, 5])
    func everyIndexIsVisitedOnce(threads: Int) throws {
        let team = try ThreadTeam(threads: threads)
        let arena = try Arena(byteCount: 1 << 16)
        for count in [0, 1, 2, 7, 100] {
            let visits = arena.matrix(1, count)
            visits.fill(0)
            team.parallel(count, grain: 3) { range in for i in range { visits[0, i] += 1 } }
            team.tasks(count) { task, _ in visits[0, task] += 1 }
            withExtendedLifetime(arena) { #expect((0..<count).allSatisfy { visits[0, $0] == 2 }) }
        }
    }

    @Test func manyForksInARow() throws {
        let team = try ThreadTeam(threads: 2)
        let arena = try Arena(byteCount: 1 << 12)
        let counters = arena.matrix(1, 64)
        counters.fill(0)
        for _ in 0..<20_000 { team.everyThread { counters[0, $0 * 32] += 1 } }
        withExtendedLifetime(arena) { #expect(counters[0, 0] == 20_000 && counters[0, 32] == 20_000) }
    }
}
