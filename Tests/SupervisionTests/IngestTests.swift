import DurableFiles
import Glibc
import JobModel
import JobQueue
import TestFolders
import Testing

@testable import Supervision

@Suite("Taking in drops")
struct IngestTests {
    private let harness: SupervisorHarness

    init() throws { harness = try SupervisorHarness() }

    private func jobs() async throws -> [JobSummary] { try await harness.store.jobs(JobPage(.all)) }

    @Test func aDropBecomesAJob() async throws {
        let text = SupervisorHarness.spec("first")
        try harness.drop("a b.yaml", text)
        try await harness.turn { harness.place.exists("jobs/accepted/1-a_b.yaml") }
        #expect(try harness.place.read("jobs/accepted/1-a_b.yaml") == text)
        #expect(!harness.place.exists("jobs/a b.yaml"))
        let spec = try JobSpec.decode(Array(text.utf8))
        #expect(
            try harness.place.read("runs/1-first/spec.json") == String(decoding: spec.canonicalJSON(), as: UTF8.self))
        let details = try #require(try await harness.store.job(1))
        #expect(details.summary.uid == Int64(geteuid()))
        #expect(details.memory == 1000 + 150)
        #expect(details.disk == 4 * 10 + 5)
        #expect(harness.planner.questions.first?[.model] == "\(harness.root.models)/base")
    }

    @Test func everyErrorIsWrittenBesideTheFile() async throws {
        try harness.drop("bad.yaml", "name: 7\nmethod: sft\nmodel: base\ntrian: {steps: 1}\n")
        try await harness.turn { harness.place.exists("jobs/rejected/bad.yaml") }
        let errors = try harness.place.read("jobs/rejected/bad.yaml.error.txt")
        #expect(errors.contains("bad.yaml:1:7: error: name: "))
        #expect(errors.contains("bad.yaml:4:1: error: trian: unknown key; did you mean train?"))
        #expect(try await jobs().isEmpty)
        try harness.drop("bad.yaml", "name: 8\n")
        try await harness.turn { try harness.place.names("jobs/rejected").count == 4 }
        #expect(try harness.place.read("jobs/rejected/bad.yaml").hasPrefix("name: 7"))
    }

    @Test func whatTheWorkerRefusesIsRejectedInItsWords() async throws {
        harness.planner.set(.failure(.refused("models/base/config.json: hidden_size: missing\n")))
        try harness.drop("a.yaml", SupervisorHarness.spec("first"))
        try await harness.turn { harness.place.exists("jobs/rejected/a.yaml") }
        #expect(
            try harness.place.read("jobs/rejected/a.yaml.error.txt")
                == "a.yaml: error: models/base/config.json: hidden_size: missing\n")
    }

    @Test func aPlannerThatDoesNotWorkRejectsNothing() async throws {
        harness.planner.set(.failure(.unavailable("no program")))
        try harness.drop("a.yaml", SupervisorHarness.spec("first"))
        await harness.supervisor.turn()
        #expect(harness.place.exists("jobs/a.yaml"))
        harness.planner.set(.success(ResourcePlan(memory: 1, checkpoint: 1, artifacts: 1)))
        harness.time.advance(.seconds(2))
        try await harness.turn { harness.place.exists("jobs/accepted/1-a.yaml") }
    }

    @Test func aJobTooLargeForTheMachineIsRejected() async throws {
        harness.planner.set(.success(ResourcePlan(memory: 1 << 30, checkpoint: 0, artifacts: 0)))
        try harness.drop("a.yaml", SupervisorHarness.spec("first"))
        try await harness.turn { harness.place.exists("jobs/rejected/a.yaml.error.txt") }
        let errors = try harness.place.read("jobs/rejected/a.yaml.error.txt")
        #expect(errors == "a.yaml: error: resources.memory: 1.1 GiB needed, this machine lends 1.0 GiB\n")
    }

    @Test func aHalfWrittenFileIsNotRejectedAtOnce() async throws {
        let text = SupervisorHarness.spec("first")
        try harness.place.write(String(text.prefix(20)), to: "jobs/a.yaml")
        for _ in 0..<9 {
            harness.time.advance(.seconds(1))
            await harness.supervisor.turn()
        }
        #expect(harness.place.exists("jobs/a.yaml"))
        try harness.place.write(String(text.dropFirst(20)), to: "jobs/a.yaml", appending: true)
        await harness.supervisor.turn()
        harness.time.advance(.seconds(1))
        try await harness.turn { harness.place.exists("jobs/accepted/1-a.yaml") }
    }

    @Test func aFileThatStaysHalfWrittenIsRejected() async throws {
        try harness.place.write("name: fir", to: "jobs/a.yaml")
        for _ in 0..<12 {
            await harness.supervisor.turn()
            harness.time.advance(.seconds(1))
        }
        #expect(harness.place.exists("jobs/rejected/a.yaml"))
    }

    @Test func aFileWithTwoNamesIsRejectedAfterAMinute() async throws {
        try harness.place.write(SupervisorHarness.spec("first"), to: "outside.yaml")
        link("\(harness.place.path)/outside.yaml", "\(harness.place.path)/jobs/a.yaml")
        for _ in 0..<59 {
            await harness.supervisor.turn()
            harness.time.advance(.seconds(1))
        }
        #expect(harness.place.exists("jobs/a.yaml"))
        harness.time.advance(.seconds(2))
        try await harness.turn { harness.place.exists("jobs/rejected/a.yaml.error.txt") }
        #expect(try harness.place.read("jobs/rejected/a.yaml.error.txt").contains("2 names"))
    }

    @Test func theSameContentUnderOneKeyIsOneJob() async throws {
        let text = SupervisorHarness.spec("first", "idempotency_key: k")
        try harness.drop("a.yaml", text)
        try harness.drop("b.yaml", text)
        try await harness.turn { try harness.place.names("jobs/accepted").count == 2 }
        #expect(try harness.place.names("jobs/accepted") == ["1-a.yaml", "1-b.yaml"])
        try harness.drop("c.yaml", SupervisorHarness.spec("other", "idempotency_key: k"))
        try await harness.turn { harness.place.exists("jobs/rejected/c.yaml") }
        #expect(try await jobs().map(\.name) == ["first"])
    }

    /// Somebody tidies up under the running daemon: what was decided about a file stays decided.
    @Test(arguments: ["accepted", "rejected"])
    func aShelfThatIsRemovedIsMadeAgain(_ shelf: String) async throws {
        await harness.supervisor.turn()
        try removeTree("\(harness.root.spool)/\(shelf)")
        try harness.drop("a.yaml", shelf == "accepted" ? SupervisorHarness.spec("first") : "nonsense")
        try await harness.turn {
            harness.time.advance(.seconds(1))
            return try harness.place.exists("jobs/\(shelf)") && !harness.place.names("jobs/\(shelf)").isEmpty
        }
        #expect(!harness.place.exists("jobs/a.yaml"))
        #expect(try await jobs().map(\.name) == (shelf == "accepted" ? ["first"] : []))
        #expect(try harness.place.names("runs") == (shelf == "accepted" ? ["1-first"] : []))
        #expect(await harness.supervisor.degraded == nil)
    }

    /// It has two names for a moment, after it became a job and before it was moved.
    @Test func aCommittedFileThatCannotBeReadIsOnlyMoved() async throws {
        await harness.supervisor.turn()
        try removeTree("\(harness.root.spool)/accepted")
        try harness.drop("a.yaml", SupervisorHarness.spec("first"))
        try await harness.turn { try await !jobs().isEmpty }
        link("\(harness.place.path)/jobs/a.yaml", "\(harness.place.path)/second")
        try await harness.turn {
            harness.time.advance(.seconds(1))
            return harness.place.exists("jobs/accepted/1-a.yaml")
        }
        #expect(try await jobs().count == 1)
        #expect(try harness.place.names("jobs/rejected").isEmpty)
        #expect(harness.place.exists("runs/1-first/spec.json"))
    }

    /// A crash between the commit and the move: the database has the job, the file lies where it was.
    @Test func aFileThatWasCommittedIsOnlyMoved() async throws {
        let text = SupervisorHarness.spec("first")
        try harness.drop("a.yaml", text)
        let directory = try DropDirectory(harness.root.spool)
        guard case .read(let file) = directory.examine(DropName("a.yaml")) else {
            Issue.record("not read")
            return
        }
        let spec = try JobSpec.decode(file.bytes)
        let canonical = spec.canonicalJSON()
        let job = NewJob(
            spec: spec, canonical: canonical, specSHA256: SHA256.hex(of: canonical), source: file.bytes, memory: 1)
        let submitted = SubmittedFile(
            name: "a.yaml", uid: Int64(geteuid()), device: file.identity.device, inode: file.identity.inode,
            modifiedNanoseconds: file.identity.modifiedNanoseconds, size: file.identity.size, sha256: file.sha256)
        _ = try await harness.store.submit(job, from: submitted, now: harness.time.wall)
        try harness.restart()
        await harness.supervisor.turn()
        harness.time.advance(.seconds(1))
        try await harness.turn { harness.place.exists("jobs/accepted/1-a.yaml") }
        #expect(try await jobs().count == 1)
        #expect(harness.place.exists("runs/1-first/spec.json"))
    }

    @Test func aFileThatWasRefusedIsOnlyMoved() async throws {
        try harness.drop("a.yaml", "nonsense")
        let directory = try DropDirectory(harness.root.spool)
        guard case .read(let file) = directory.examine(DropName("a.yaml")) else { return }
        let submitted = SubmittedFile(
            name: "a.yaml", uid: Int64(geteuid()), device: file.identity.device, inode: file.identity.inode,
            modifiedNanoseconds: file.identity.modifiedNanoseconds, size: file.identity.size, sha256: file.sha256)
        _ = try await harness.store.reject(submitted, reason: "as it was said before", now: harness.time.wall)
        try harness.restart()
        await harness.supervisor.turn()
        harness.time.advance(.seconds(1))
        try await harness.turn { harness.place.exists("jobs/rejected/a.yaml") }
        #expect(try harness.place.read("jobs/rejected/a.yaml.error.txt") == "as it was said before\n")
    }
}
