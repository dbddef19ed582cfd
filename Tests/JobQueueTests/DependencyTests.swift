import JobModel
import JobQueue
import Testing

@Suite struct DependencyTests {
    let store: any JobStore

    init() throws { store = try SQLiteJobStore.inMemory() }

    @Test func aFolderMayBeDroppedInAnyOrder() async throws {
        let second = try await store.add("second", "after: first")
        #expect(try await store.job(second)?.summary.reason == .dependencyName(name: "first"))
        let first = try await store.add("first")
        #expect(try await store.job(second)?.dependencies.map(\.job) == [first])
        let fence = try await store.start(first)
        #expect(try await store.job(second)?.summary.reason == .dependency(job: first, state: .running))
        try await store.end(first, fence, .success)
        #expect(try await store.state(second) == .queued)
        #expect(try await store.job(second)?.summary.reason == nil)
    }

    @Test func namesMeanTheNewestJobOfTheSameUser() async throws {
        _ = try await store.add("a")
        let newest = try await store.add("a")
        _ = try await store.add("a", uid: 2000)
        let job = try await store.add("b", "after: a")
        #expect(try await store.job(job)?.dependencies.map(\.job) == [newest])
        let stranger = try await store.add("c", "after: b", uid: 3000)
        #expect(try await store.job(stranger)?.dependencies.map(\.job) == [nil])
    }

    @Test(arguments: [
        (Dependency.Condition.ok, AttemptOutcome.success, JobState.queued),
        (.ok, .dataError, .failed), (.any, .success, .queued), (.any, .dataError, .queued),
        (.failed, .dataError, .queued), (.failed, .success, .cancelled),
    ])
    func theEndOfAJobDecidesAboutItsDependants(
        _ condition: Dependency.Condition, _ outcome: AttemptOutcome, _ state: JobState
    ) async throws {
        let first = try await store.add("first")
        let second = try await store.add("second", "after: {job: first, when: \(condition.rawValue)}")
        try await store.end(first, try await store.start(first), outcome)
        #expect(try await store.state(second) == state)
        let late = try await store.add("late", "after: {job: \(first), when: \(condition.rawValue)}")
        #expect(try await store.state(late) == state)
    }

    @Test func failureRunsDownTheChain() async throws {
        let a = try await store.add("a")
        let b = try await store.add("b", "after: a")
        let c = try await store.add("c", "after: [b, a]")
        let d = try await store.add("d", "after: {job: c, when: any}")
        try await store.end(a, try await store.start(a), .dataError)
        #expect(try await store.state(b) == .failed)
        #expect(try await store.state(c) == .failed)
        #expect(try await store.state(d) == .queued)
        #expect(try await store.job(b)?.summary.reason == .dependency(job: a, state: .failed))
    }

    @Test func circlesAreRefusedWithTheirJobs() async throws {
        let a = try await store.add("a", "after: b")
        do {
            _ = try await store.add("b", "after: a")
            Issue.record("a circle was accepted")
        } catch let StoreError.refused(reason) {
            #expect(reason.contains("circle") && reason.contains("\(a) (a)") && reason.contains("(b)"), "\(reason)")
        }
        #expect(try await store.jobs(JobPage(.all)).map(\.id) == [a])
        await #expect(throws: StoreError.self) { try await store.add("c", "after: 99") }
    }

    @Test func aJobDoesNotWaitForItself() async throws {
        let job = try await store.add("a", "after: a")
        #expect(try await store.job(job)?.dependencies.map(\.job) == [nil])
        #expect(try await store.state(job) == .blocked)
    }

    @Test func aNameAndANumberOfTheSameJobWaitOnce() async throws {
        let a = try await store.add("a")
        let b = try await store.add("b", "after: [a, \(a)]")
        #expect(try await store.job(b)?.dependencies.count == 1)
    }

    @Test func artifactsAreInputsOnlyOnceTheyAreThere() async throws {
        let a = try await store.add("a")
        let b = try await store.add("b", "adapter: {start: {job: a}}\nreference: initial_adapter")
        #expect(try await store.job(b)?.dependencies.map(\.job) == [a])
        try await store.end(a, try await store.start(a), .success)
        #expect(try await store.state(b) == .blocked)
        try await store.addInputs([Fixtures.pin(.adapterStart, "/runs/1-a/artifacts/x")], to: b, now: Fixtures.now)
        #expect(try await store.state(b) == .queued)
    }
}
