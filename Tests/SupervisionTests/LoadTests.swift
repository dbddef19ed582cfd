import DurableFiles
import JobModel
import JobQueue
import Logging
import TestFolders
import Testing

@testable import Supervision

/// What must not grow with the queue.
@Suite struct LoadTests {
    @Test func aTwentiethOfTheDiskStaysFree() {
        let large = DiskSpace(total: 1 << 40, available: 200 << 30)
        #expect(large.floor == (1 << 40) / 20)
        #expect(large.free(besides: []) == 200 << 30 - large.floor)
        #expect(large.free(besides: [10 << 30, 5 << 30]) == 185 << 30 - large.floor)
        let small = DiskSpace(total: 10 << 30, available: 1 << 30)
        #expect(small.floor == 2 << 30)
        #expect(small.free(besides: []) < 0)
    }

    /// What a job that runs will still write is not given to another one.
    @Test func diskThatIsReservedIsNotThere() async throws {
        let harness = try SupervisorHarness()
        let free = DiskSpace.of(harness.root.runs).free(besides: [])
        try #require(free > 1 << 30, "the disk of the temporary directory is too full for this test")
        let most = "resources: {disk: \((free / 3 * 2) >> 20)MiB}"
        try harness.drop("a.yaml", SupervisorHarness.spec("a", most))
        let worker = try await harness.worker(0)
        await worker.begin()
        try await harness.turn(untilJob: 1, is: .running)
        try harness.drop("b.yaml", SupervisorHarness.spec("b", most))
        try await harness.turn {
            guard case .disk = try await harness.store.job(2)?.summary.reason else { return false }
            return true
        }
        try worker.writeResult()
        worker.exit(.exited(0))
        let second = try await harness.worker(1)
        await second.begin()
        try await harness.turn(untilJob: 2, is: .running)
    }

    /// More files than one scan looks at are all taken in without waiting for the next scan.
    @Test func aFloodIsTakenInWhole() throws {
        let place = try TestFolder()
        try place.make("jobs")
        var settings = SpoolWatcher.Settings()
        settings.usesInotify = false
        settings.quiet = .zero
        settings.blindScanInterval = .seconds(3600)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var watcher = try SpoolWatcher("\(place.path)/jobs", settings: settings, logger: logger) {}
        let count = DropDirectory.scanLimit + 5
        for number in 0..<count { try place.write("x", to: "jobs/\(number).yaml") }
        var seen: Set<DropName> = []
        for _ in 0..<3 {
            for arrival in try watcher.poll(now: .seconds(1)) {
                seen.insert(arrival.name)
                try removeTree("\(place.path)/jobs/\(arrival.name.display)")
                watcher.forget(arrival.name)
            }
        }
        #expect(seen.count == count)
    }

    @Test func manyNamesThatAreNoJobsAreNotScannedWithoutAPause() throws {
        let place = try TestFolder()
        try Root.under(place.path).prepare()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var watcher = try SpoolWatcher("\(place.path)/jobs", logger: logger) {}
        for number in 0..<DropDirectory.scanLimit { try place.write("x", to: "jobs/\(number).txt") }
        #expect(try watcher.poll(now: .seconds(1), scanning: true).isEmpty)
        #expect(watcher.deadline > .seconds(1))
        // And they hide no job, wherever the file system lists it.
        for name in ["a", "m", "z"] { try place.write("x", to: "jobs/\(name).yaml") }
        #expect(try watcher.poll(now: .seconds(2), scanning: true).isEmpty)
        #expect(try watcher.poll(now: .seconds(4)).count == 3)
    }

    @Test func oneUserCannotFillTheQueueInOneTurn() async throws {
        let harness = try SupervisorHarness()
        await harness.supervisor.configure { $0.queuedPerUser = 3 }
        for name in ["a", "b", "c", "d", "e"] {
            try harness.drop("\(name).yaml", SupervisorHarness.spec(name, "hold: true"))
        }
        try await harness.turn { try await harness.store.submissions() == 5 }
        #expect(try await harness.store.liveCounts() == [.held: 3])
        #expect(try harness.place.names("jobs/rejected").filter { $0.hasSuffix(".yaml") }.count == 2)
    }

    @Test func reasonsAreWrittenInParts() async throws {
        let harness = try SupervisorHarness()
        try await harness.store.setDraining(true, actor: "test", now: harness.time.wall)
        for number in 0..<1_200 {
            let job = try harness.newJob("j\(number)")
            _ = try await harness.store.accept(job, from: 1, actor: "test", now: harness.time.wall)
        }
        try await harness.turn {
            try await harness.store.jobs(JobPage(.live, limit: 2_000)).allSatisfy { $0.reason == .drain }
        }
    }
}

extension SupervisorHarness {
    /// A job that waits for nothing but its turn.
    fileprivate func newJob(_ name: String) throws -> NewJob {
        let spec = try JobSpec.decode(Array(Self.spec(name).utf8))
        let canonical = spec.canonicalJSON()
        let digest = String(repeating: "ab", count: 32)
        return NewJob(
            spec: spec, canonical: canonical, specSHA256: SHA256.hex(of: canonical), source: canonical, memory: 1 << 20,
            inputs: [InputRole.model, .trainingData].map {
                InputPin(role: $0, path: "/d/\($0)", device: 1, inode: 2, size: 3, modifiedNanoseconds: 4, sha256: digest)
            })
    }
}

extension SQLiteJobStore {
    /// Files that were accepted or rejected so far.
    fileprivate func submissions() async throws -> Int {
        try await events(after: 0, job: nil, limit: 1000).count { ["job_accepted", "job_rejected"].contains($0.type) }
    }
}
