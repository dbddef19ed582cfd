import DurableFiles
import Glibc
import JobModel
import JobQueue
import TestFolders
import Testing

@testable import Supervision

/// Files that come together, and what is put off until the disk has it.
@Suite("Drops in groups")
struct DropGroupTests {
    private let harness: SupervisorHarness

    init() throws { harness = try SupervisorHarness() }

    private func unmoved() async throws -> Int { try await harness.store.unmovedSubmissions().count }

    private func events(_ type: String) async throws -> [QueueEvent] {
        try await harness.store.events(after: 0, job: nil, limit: 10_000).filter { $0.type == type }
    }

    @Test func oneTurnTakesInManyAndRefusesTheWrong() async throws {
        for number in 0..<200 {
            let text = number % 10 == 3 ? "nonsense" : SupervisorHarness.spec("j\(number)", "hold: true")
            try harness.drop("\(number).yaml", text)
        }
        await harness.supervisor.turn()
        #expect(try harness.place.names("jobs").filter { $0.hasSuffix(".yaml") } == [])
        #expect(try await harness.store.liveCounts() == [.held: 180])
        #expect(try harness.place.names("jobs/accepted").count == 180)
        #expect(try harness.place.names("jobs/rejected").filter { $0.hasSuffix(".error.txt") }.count == 20)
        #expect(try harness.place.names("runs").allSatisfy { try harness.place.names("runs/\($0)").contains("spec.json") })
        #expect(try await Set(events("job_accepted").compactMap(\.job)).count == 180)
    }

    @Test func aMoveIsRecordedWhenItIsOnTheDisk() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("a", "hold: true"))
        try await harness.turn { harness.place.exists("jobs/accepted/1-a.yaml") }
        #expect(try await unmoved() == 1)
        try await harness.turn {
            harness.time.advance(.seconds(1))
            return try await unmoved() == 0
        }
        // The same file, brought back, is another job from then on.
        try harness.place.rename("jobs/accepted/1-a.yaml", to: "jobs/a.yaml")
        try await harness.turn { harness.place.exists("jobs/accepted/2-a.yaml") }
    }

    @Test func aDaemonThatEndsLeavesNothingUnrecorded() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("a", "hold: true"))
        try harness.drop("b.yaml", "nonsense")
        let supervisor = harness.supervisor
        let running = Task { try await supervisor.run() }
        try await harness.waiting { try harness.place.names("jobs/rejected").count == 2 }
        try await harness.waiting { harness.place.exists("jobs/accepted/1-a.yaml") }
        await supervisor.beginShutdown()
        #expect(try await running.value == .stopped)
        #expect(try await unmoved() == 0)
    }

    /// The last daemon moved a file and died before it said so; another of that name lies there now.
    @Test func whatTheLastDaemonDidNotRecordIsMadeUpFor() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("a", "hold: true"))
        try await harness.turn { harness.place.exists("jobs/accepted/1-a.yaml") }
        try harness.place.write(SupervisorHarness.spec("b", "hold: true"), to: "jobs/.a.yaml")
        try harness.restart()
        try harness.place.rename("jobs/.a.yaml", to: "jobs/a.yaml")
        try await harness.supervisor.adoptLeftMoves()
        try await harness.turn {
            harness.time.advance(.seconds(1))
            return try await unmoved() == 0
        }
        #expect(try await harness.store.jobs(JobPage(.all)).map(\.name).sorted() == ["a", "b"])
    }

    /// What an earlier job has hashed is known of a later one, which is born with nothing to wait for.
    @Test func aFileIsHashedForTheFirstJobAlone() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("a", "priority: 1"))
        _ = try await harness.worker(0)
        try harness.drop("b.yaml", SupervisorHarness.spec("b", "resources: {cpus: 4}"))
        await harness.supervisor.turn()
        #expect(try await harness.state(2) == .queued)
        try harness.place.write("{}\n{}\n", to: "datasets/rows.jsonl")
        try harness.drop("c.yaml", SupervisorHarness.spec("c", "resources: {cpus: 4}"))
        await harness.supervisor.turn()
        #expect(try await harness.store.events(after: 0, job: 3, limit: 9).first?.to == .blocked)
        try await harness.turn(untilJob: 3, is: .queued)
        #expect(try await harness.store.job(3)?.inputs.allSatisfy { $0.sha256 != nil } == true)
        #expect(
            try await harness.store.job(2)?.inputs.first { $0.role == .trainingData }?.sha256
                != harness.store.job(3)?.inputs.first { $0.role == .trainingData }?.sha256)
    }

    /// Somebody at the limit is counted with what the database has, not with what was once there.
    @Test func endedJobsMakeRoomForOthers() async throws {
        await harness.supervisor.configure { $0.queuedPerUser = 2 }
        for name in ["a", "b", "c"] { try harness.drop("\(name).yaml", SupervisorHarness.spec(name, "hold: true")) }
        try await harness.turn { try harness.place.names("jobs/rejected").count == 2 }
        let root = Requester(uid: 0, name: "root", groups: [])
        _ = try await harness.supervisor.act(.cancel, on: 1, by: root)
        try harness.drop("d.yaml", SupervisorHarness.spec("d", "hold: true"))
        try await harness.turn { try harness.place.names("jobs/accepted").count == 3 }
        _ = try await harness.supervisor.act(.cancel, on: 2, by: root)
        _ = try await harness.supervisor.act(.retry, on: 1, by: root)
        try harness.drop("e.yaml", SupervisorHarness.spec("e", "hold: true"))
        try await harness.turn { try harness.place.names("jobs/rejected").count == 4 }
    }

    /// A name that somebody speaks of is looked at in the drop directory and nowhere else.
    @Test(arguments: ["../outside.yaml", "accepted/../../outside.yaml", "/outside.yaml", "..", "", "in\u{0}side.yaml"])
    func aPathIsNoName(_ name: String) async throws {
        try harness.place.write(SupervisorHarness.spec("outside"), to: "outside.yaml")
        let supervisor = harness.supervisor
        #expect(await supervisor.outcome(of: DropRequest(name: name, inode: 1), patience: .milliseconds(1)) == nil)
        for _ in 0..<5 {
            harness.time.advance(.seconds(1))
            await supervisor.turn()
        }
        #expect(harness.place.exists("outside.yaml"))
        #expect(try await harness.store.lastSequence() == 0)
    }

    @Test func whoeverWaitsForAnAnswerGetsIt() async throws {
        try harness.place.write(SupervisorHarness.spec("a", "hold: true"), to: "jobs/.a.yaml")
        var status = stat()
        #expect(stat("\(harness.place.path)/jobs/.a.yaml", &status) == 0)
        let drop = DropRequest(name: "a.yaml", inode: Int64(status.st_ino))
        let supervisor = harness.supervisor
        async let answer = supervisor.outcome(of: drop, patience: .seconds(60))
        async let same = supervisor.outcome(of: drop, patience: .seconds(60))
        let nobody = await supervisor.outcome(of: DropRequest(name: "x.yaml", inode: 1), patience: .milliseconds(1))
        #expect(nobody == nil)
        try harness.place.rename("jobs/.a.yaml", to: "jobs/a.yaml")
        try await harness.turn { harness.place.exists("jobs/accepted/1-a.yaml") }
        #expect(await answer?.job == 1)
        #expect(await same?.job == 1)
        #expect(await supervisor.outcome(of: drop, patience: .zero)?.outcome == .accepted)
    }

    /// A disk that takes nothing: what runs goes on, what was decided stays decided, and it ends when the disk is well.
    @Test func aDiskThatTakesNothingDegradesTheDaemonForAsLong() async throws {
        try harness.drop("first.yaml", SupervisorHarness.spec("first"))
        let worker = try await harness.worker(0)
        await worker.begin()
        try harness.place.rename("runs", to: "well")
        try harness.place.write("not a directory", to: "runs")
        for name in ["a", "b"] { try harness.drop("\(name).yaml", SupervisorHarness.spec(name, "hold: true")) }
        try await harness.turn { await harness.supervisor.degraded?.hasPrefix("taking in drops: ") == true }
        #expect(harness.lines.all.contains { $0.hasPrefix("error taking in drops: ") })
        #expect(try harness.place.names("jobs/accepted") == ["1-first.yaml"])
        #expect(worker.received.isEmpty)
        try removeTree(harness.root.runs)
        try harness.place.rename("well", to: "runs")
        try await harness.turn {
            harness.time.advance(.seconds(1))
            return try harness.place.names("jobs/accepted").count == 3
        }
        #expect(await harness.supervisor.degraded == nil)
        #expect(harness.lines.all.contains("notice taking in drops works again"))
        #expect(try await harness.store.jobs(JobPage(.all)).map(\.name).sorted() == ["a", "b", "first"])
        #expect(worker.received.isEmpty)
    }
}
