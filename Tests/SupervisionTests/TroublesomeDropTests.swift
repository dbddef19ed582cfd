import DurableFiles
import Glibc
import JobModel
import JobQueue
import TestFolders
import Testing

@testable import Supervision

/// Files that cannot be moved, take long to measure or come back, among others that can, do not and are new.
@Suite("Troublesome drops")
struct TroublesomeDropTests {
    private let harness: SupervisorHarness

    init() throws { harness = try SupervisorHarness() }

    /// As long as the file system lets a name be; more is put before and behind it on the shelves.
    @Test func theLongestNamesAreMovedLikeOthers() async throws {
        let name = String(repeating: "n", count: 250)
        try harness.place.write(SupervisorHarness.spec("long", "hold: true"), to: "jobs/\(name).yaml")
        try harness.place.write("nonsense", to: "jobs/\(name.dropFirst())w.yaml")
        try harness.drop("other.yaml", SupervisorHarness.spec("other", "hold: true"))
        try await harness.turn {
            harness.time.advance(.seconds(1))
            return try harness.place.names("jobs").filter { $0.hasSuffix(".yaml") }.isEmpty
        }
        #expect(try harness.place.names("jobs/accepted").count == 2)
        #expect(try harness.place.names("jobs/rejected").count == 2)
        #expect(await harness.supervisor.degraded == nil)
    }

    @Test func aFileThatCannotBeMovedHoldsUpNobody() async throws {
        // Its run directory cannot be made.
        try harness.place.make("runs")
        try harness.place.write("in the way", to: "runs/1-a")
        for name in ["a", "b", "c"] { try harness.drop("\(name).yaml", SupervisorHarness.spec(name, "hold: true")) }
        try await harness.turn { try harness.place.names("jobs/accepted").count == 2 }
        #expect(await harness.supervisor.degraded?.hasPrefix("taking in drops: ") == true)
        try removeTree("\(harness.root.runs)/1-a")
        try await harness.turn {
            harness.time.advance(.seconds(1))
            return try harness.place.names("jobs/accepted").count == 3
        }
        #expect(try await harness.store.jobs(JobPage(.all)).count == 3)
    }

    /// Brought back from rejected/ and mended, a file has its old name and inode.
    @Test func anAnswerIsThatOfTheFileThatLiesThere() async throws {
        try harness.drop("a.yaml", "nonsense")
        try await harness.turn { harness.place.exists("jobs/rejected/a.yaml") }
        var status = stat()
        #expect(stat("\(harness.place.path)/jobs/rejected/a.yaml", &status) == 0)
        let drop = DropRequest(name: "a.yaml", inode: Int64(status.st_ino))
        let supervisor = harness.supervisor
        #expect(await supervisor.outcome(of: drop, patience: .zero)?.outcome == .rejected)
        try harness.place.write(SupervisorHarness.spec("a", "hold: true"), to: "jobs/rejected/a.yaml")
        try harness.place.rename("jobs/rejected/a.yaml", to: "jobs/a.yaml")
        async let answer = supervisor.outcome(of: drop, patience: .seconds(60))
        try await harness.turn {
            harness.time.advance(.seconds(1))
            return harness.place.exists("jobs/accepted/1-a.yaml")
        }
        #expect(await answer?.outcome == .accepted)
    }

    @Test func whoeverWaitsIsToldThatNobodyWillKnow() async throws {
        let supervisor = harness.supervisor
        let running = Task { try await supervisor.run() }
        let drop = DropRequest(name: "never.yaml", inode: 1)
        async let answer = supervisor.outcome(of: drop, patience: .seconds(3600))
        await supervisor.beginShutdown()
        #expect(try await running.value == .stopped)
        #expect(await answer == nil)
        #expect(await supervisor.outcome(of: drop, patience: .seconds(3600)) == nil)
    }

    @Test(arguments: ["pipe", "link", "directory", "gone"])
    func whatSomebodyPutsInPlaceOfAnErrorFileIsNotForced(_ kind: String) throws {
        let shelf = try DropDirectory(harness.root.spool).rejected
        try shelf.write("why\n", as: "a.yaml.error.txt")
        let path = "\(harness.root.spool)/rejected/a.yaml.error.txt"
        try shelf.force("a.yaml.error.txt")
        unlink(path)
        switch kind {
        case "pipe": mkfifo(path, 0o600)
        case "link": symlink("/dev/zero", path)
        case "directory": mkdir(path, 0o700)
        default: break
        }
        try shelf.force("a.yaml.error.txt")
    }
}
