import JobModel
import Synchronization
import TestFolders
import Testing

@testable import Supervision

@Suite struct PlanCacheTests {
    /// Counts how often it is asked.
    private final class Counting: ResourcePlanner {
        let asked = Mutex(0)
        func plan(_ spec: JobSpec, inputs: [InputRole: String]) async throws(PlanFailure) -> ResourcePlan {
            asked.withLock { $0 += 1 }
            if spec.comment == "bad" { throw .refused("no") }
            return ResourcePlan(memory: Int64(spec.train.microbatch), checkpoint: 2, artifacts: 3)
        }
    }

    @Test func jobsThatDifferInNameOnlyAreMeasuredOnce() async throws {
        let place = try TestFolder()
        try place.write("rows", to: "rows.jsonl")
        let inputs = [InputRole.trainingData: "\(place.path)/rows.jsonl"]
        let counting = Counting()
        let cache = PlanCache(counting)
        func plan(_ name: String, _ change: (inout JobSpec) -> Void = { _ in }) async throws -> ResourcePlan {
            var spec = JobSpec(name: name, method: .sft)
            change(&spec)
            return try await cache.plan(spec, inputs: inputs)
        }
        #expect(try await plan("a") == plan("b") { $0.train.seed = 9; $0.priority = 3 })
        #expect(counting.asked.withLock { $0 } == 1)
        #expect(try await plan("c") { $0.train.microbatch = 77 }.memory == 77)
        #expect(counting.asked.withLock { $0 } == 2)
        try place.write("other rows", to: "rows.jsonl")
        _ = try await plan("a")
        #expect(counting.asked.withLock { $0 } == 3)
    }

    @Test func refusalsAreNotRemembered() async throws {
        let counting = Counting()
        let cache = PlanCache(counting)
        var spec = JobSpec(name: "a", method: .sft)
        spec.train.microbatch = 5
        spec.comment = "bad"
        for _ in 0..<2 { await #expect(throws: PlanFailure.self) { try await cache.plan(spec, inputs: [:]) } }
        #expect(counting.asked.withLock { $0 } == 2)
    }
}
