import Foundation
import GRDB
import JobModel
import TestFolders
import Testing

@testable import JobQueue

@Suite struct OpeningTests {
    let directory: TestFolder

    init() throws { directory = try TestFolder() }

    private func refusal() -> (reason: String, copies: String?)? {
        do {
            _ = try SQLiteJobStore.open(at: directory.database, now: Fixtures.now)
            return nil
        } catch StoreError.databaseRefused(_, let reason, let copies) {
            return (reason, copies)
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }

    @Test func whatWasCommittedIsThereAfterReopening() async throws {
        let store = try SQLiteJobStore.open(at: directory.database, now: Fixtures.now)
        let job = try await store.add("a")
        _ = try await store.start(job)
        try await store.close()
        #expect(!FileManager.default.fileExists(atPath: directory.database + "-wal"))
        let again = try SQLiteJobStore.open(at: directory.database, now: Fixtures.now)
        #expect(try await again.openAttempts().map(\.pid) == [42])
        try await again.close()
    }

    @Test func damageIsNoticedCopiedAndLeftAlone() async throws {
        let store = try SQLiteJobStore.open(at: directory.database, now: Fixtures.now)
        for number in 0..<50 { _ = try await store.add("j\(number)") }
        try await store.close()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: directory.database))
        for index in 8192..<12_288 { bytes[index] = 0xA5 }
        try bytes.write(to: URL(fileURLWithPath: directory.database))
        let refused = try #require(refusal())
        let copies = try #require(refused.copies)
        #expect(try Data(contentsOf: URL(fileURLWithPath: copies + "/queue.db")) == bytes)
        #expect(try Data(contentsOf: URL(fileURLWithPath: directory.database)) == bytes)
    }

    @Test(arguments: ["", "this is not a database, and long enough to be looked at as one; it is only some text"])
    func otherFilesAreRefused(_ content: String) throws {
        try Data(content.utf8).write(to: URL(fileURLWithPath: directory.database))
        #expect(refusal() != nil)
    }

    @Test func databasesOfOtherProgramsAreRefused() throws {
        let other = try DatabaseQueue(path: directory.database)
        try other.write { try $0.execute(sql: "CREATE TABLE notes(text TEXT)") }
        try other.close()
        #expect(refusal()?.reason.contains("another program") == true)
    }

    @Test func newerVersionsAreRefused() async throws {
        try await SQLiteJobStore.open(at: directory.database, now: Fixtures.now).close()
        let other = try DatabaseQueue(path: directory.database)
        try await other.write { try $0.execute(sql: "INSERT INTO grdb_migrations(identifier) VALUES ('version 999')") }
        try other.close()
        #expect(refusal()?.reason.contains("newer") == true)
    }

    @Test func aLostQueueIsNotReplacedByAnEmptyOne() async throws {
        let store = try SQLiteJobStore.open(at: directory.database, now: Fixtures.now)
        _ = try await store.add("a")
        let copy = try await store.backup(now: Fixtures.now)
        try await store.close()
        try FileManager.default.removeItem(atPath: directory.database)
        #expect(refusal()?.copies?.hasSuffix("/backup") == true)
        try FileManager.default.copyItem(atPath: copy, toPath: directory.database)
        let restored = try SQLiteJobStore.open(at: directory.database, now: Fixtures.now)
        #expect(try await restored.jobs(JobPage(.all)).map(\.name) == ["a"])
        try await restored.close()
    }

    @Test func onlyTheNewestBackupsAreKept() async throws {
        let store = try SQLiteJobStore.open(at: directory.database, now: Fixtures.now)
        for day in 0..<16 { _ = try await store.backup(now: Fixtures.later(Int64(day) * 86_400)) }
        let copies = try FileManager.default.contentsOfDirectory(atPath: directory.path + "/backup").sorted()
        #expect(copies.count == 14 && copies.allSatisfy { $0.hasSuffix(".db") })
        try await store.close()
    }

    @Test func readersSeeALiveAndAStoppedQueueAndCreateNothing() async throws {
        let store = try SQLiteJobStore.open(at: directory.database, now: Fixtures.now)
        let job = try await store.add("a")
        #expect(try QueueReader.open(at: directory.database).jobs(JobPage(.all)).map(\.id) == [job])
        try await store.close()
        let before = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
        let reader = try QueueReader.open(at: directory.database)
        #expect(try reader.job(job)?.summary.name == "a")
        #expect(try reader.newestJob(named: "a") == job)
        let events = try reader.events(after: 0, job: job, limit: 10)
        #expect(events.count > 1)
        #expect(try reader.events(after: -1, job: nil, limit: 10) == Array(events.suffix(1)))
        #expect(try reader.events(after: -1000, job: job, limit: 10) == events)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() == before)
        #expect(throws: StoreError.self) { try QueueReader.open(at: directory.path + "/none.db") }
    }
}
