import GRDB
import JobModel
import SeededRandom
import Testing

@testable import JobQueue

/// Many files in one transaction, and what is kept in memory beside the database.
@Suite struct GroupTests {
    let store: SQLiteJobStore

    init() throws { store = try SQLiteJobStore.inMemory() }

    private func drop(_ inode: Int64, _ name: String, _ lines: String = "") throws -> ExaminedDrop {
        ExaminedDrop(Fixtures.file(inode), .accept(try Fixtures.job(name, lines)))
    }

    @Test func oneThatIsRefusedHindersNoOther() async throws {
        let drops = [
            try drop(1, "a", "idempotency_key: k"), try drop(2, "b", "idempotency_key: k"), try drop(3, "c", "after: 99"),
            ExaminedDrop(Fixtures.file(4), .reject(reason: "no")), try drop(5, "e", "after: a"),
            try drop(6, "a", "idempotency_key: k"), try drop(1, "a", "idempotency_key: k"),
        ]
        let verdicts = try await store.ingest(drops, moved: [], now: Fixtures.now)
        let outcomes = verdicts.map { verdict -> Submission.Outcome? in
            if case .recorded(let submission) = verdict { submission.outcome } else { nil }
        }
        #expect(outcomes == [.accepted, nil, nil, .rejected, .accepted, .duplicate, .accepted])
        guard case .refused(let reason) = verdicts[2] else { return }
        #expect(reason.contains("no job 99"))
        #expect(try await store.jobs(JobPage(.all)).map(\.name).sorted() == ["a", "e"])
        #expect(try await store.job(2)?.dependencies.map(\.job) == [1], "refused jobs leave no trace, not even a number")
        #expect(try await store.unmovedSubmissions().count == 4)
    }

    @Test func movesAreRecordedWithTheNextFiles() async throws {
        let first = try await store.submit(try Fixtures.job("a"), from: Fixtures.file(1), now: Fixtures.now)
        #expect(try await store.unmovedSubmissions().map(\.file) == [Fixtures.file(1)])
        _ = try await store.ingest([try drop(2, "b")], moved: [first.id], now: Fixtures.now)
        #expect(try await store.unmovedSubmissions().map(\.file) == [Fixtures.file(2)])
        #expect(try await store.submissionsInDrop([(Fixtures.file(1), true), (Fixtures.file(2), true)])[0] == nil)
    }

    /// Whatever happens to jobs, the scheduler gets what the database has.
    @Test(arguments: 0..<5) func whatIsKeptInMemoryIsWhatIsThere(_ seed: Int) async throws {
        var random = SplitMix64(UInt64(seed))
        var running: [Int64: Int64] = [:]
        for number in 0..<120 {
            let job = try await store.add("j\(number)", number % 7 == 0 ? "after: j\(number - 7)" : "", hashed: number % 5 != 0)
            let other = Int64.random(in: 1...job, using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0:
                if let claim = try await store.claim(other, cores: [0], memory: 1, now: Fixtures.now) {
                    running[other] = claim.fence
                }
            case 1:
                if let (job, fence) = running.min(by: { $0.key < $1.key }) {
                    running[job] = nil
                    let outcome: AttemptOutcome = [.success, .checkpointed, .crash].randomElement(using: &random) ?? .crash
                    try await store.end(job, fence, outcome, step: 1, at: Fixtures.later(Int64(number)))
                }
            case 2: _ = try? await store.setPriority(Int.random(in: -9...9, using: &random), for: other, actor: "a", now: Fixtures.now)
            case 3: _ = try? await store.setWish(.pause, for: other, actor: "a", now: Fixtures.now)
            case 4: _ = try? await store.setWish(.run, for: other, actor: "a", now: Fixtures.now)
            case 5: try await store.explain([other: .drain])
            default: _ = try? await store.reserve(other, memory: Int64.random(in: 1...99, using: &random), disk: 1)
            }
            if number % 3 == 0 {
                let kept = try await store.queuedJobs()
                let there = try await store.read { try WaitingRows.queued(in: $0) }
                #expect(kept == there)
            }
        }
        #expect(try await store.queuedJobs().count > 10)
    }

    @Test func whatIsTakenBackIsNotKept() async throws {
        _ = try await store.add("a")
        #expect(try await store.queuedJobs().count == 1)
        await #expect(throws: StoreError.self) {
            try await store.write(now: Fixtures.now) { writer in
                try writer.database.execute(sql: "UPDATE jobs SET priority = 7")
                throw StoreError.refused("taken back")
            }
        }
        #expect(try await store.queuedJobs().map(\.priority) == [0])
    }

    /// Each adds to what is there; none is lost, however they meet.
    @Test func changesOfOneSettingAddUp() async throws {
        let store = store
        let sequences = try await withThrowingTaskGroup(of: Int64.self) { group in
            for number in 0..<50 {
                group.addTask {
                    try await store.changeSetting("list", actor: "a", now: Fixtures.now) { before in
                        (before ?? "") + "\(number) "
                    }.sequence
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(sequences).count == 50)
        let numbers = try await store.settings("list")["list"]?.split(separator: " ").compactMap { Int($0) }
        #expect(numbers?.sorted() == Array(0..<50))
    }

    /// What a submission looks up begins with what waits, not with all jobs that the user ever had.
    @Test func aSubmissionDoesNotReadAllJobs() async throws {
        let plan = try await store.read { database in
            try Row.fetchAll(
                database, sql: "EXPLAIN QUERY PLAN " + LifecycleWriter.waitingForAName, arguments: ["a", 1, 2]
            ).map { $0["detail"] as String }
        }
        #expect(plan.first?.hasPrefix("SEARCH deps USING INDEX deps_unbound") == true, "\(plan)")
        #expect(plan.last?.contains("jobs USING INTEGER PRIMARY KEY") == true, "\(plan)")
    }

    @Test func summariesComeInTheOrderAsked() async throws {
        for name in ["a", "b", "c"] { _ = try await store.add(name) }
        #expect(try await store.summaries(of: [3, 9, 1]).map(\.name) == ["c", "a"])
    }
}
