import ArgumentParser
import Foundation
import GRDB
import JobModel
import JobQueue

/// Times what the queue does when it already holds many jobs: with ROWS finished jobs behind and QUEUED in front.
@main
struct QueueBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hone-queue-bench", abstract: "Times the operations of the queue's store.")

    @Option(help: "Finished jobs that are already there.")
    var rows = 10_000

    @Option(help: "Queued jobs that are already there.")
    var queued = 0

    @Option(help: "How often each operation is timed.")
    var times = 200

    @Option(help: "Directory for the database.")
    var directory = NSTemporaryDirectory()

    @Option(help: "A database that is kept: filled if it is not there, else used as it is.")
    var database: String?

    @Flag(help: "Only fill the database: a million rows take minutes, and nothing need be quiet meanwhile.")
    var fillOnly = false

    func run() async throws {
        let folder = "\(directory)/hone-queue-bench-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = database ?? "\(folder)/queue.db"
        if !FileManager.default.fileExists(atPath: path) {
            try await SQLiteJobStore.open(at: path, now: Self.now).close()
            try PastJobs.fill(path, finished: rows, queued: queued)
        }
        if fillOnly { return }
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        print("rows \(rows), queued \(queued), database \(size >> 20) MiB; p50 / p99 in ms over \(times)")
        var watch = Stopwatch()
        let store = try watch.once("open, with its check") { try SQLiteJobStore.open(at: path, now: Self.now) }
        try await measure(store, &watch)
        try await store.close()
        try watch.once("read-only listing of 1000 live jobs") { _ = try QueueReader.open(at: path).jobs(JobPage(.live)) }
        try watch.once("newest job of a name") { _ = try QueueReader.open(at: path).newestJob(named: "past-5") }
        try watch.once("checked copy (hone backup)") { _ = try QueueCopy.write(of: path, to: "\(folder)/copy.db") }
    }

    static let now = Timestamp(milliseconds: 1_800_000_000_000)

    private func measure(_ store: SQLiteJobStore, _ watch: inout Stopwatch) async throws {
        var jobs: [Int64] = []
        try await watch.many("submit", times) { index in
            let submission = try await store.submit(
                try PastJobs.newJob("new-\(index)"), from: PastJobs.file(Int64(index)), now: Self.now)
            if let job = submission.job { jobs.append(job) }
            try await store.markMoved([submission.id])
        }
        try await watch.many("submission known?", times) { _ = try await store.submissionInDrop(PastJobs.file(Int64($0))) }
        try await watch.many("counts of live jobs", times) { _ in _ = try await store.liveCounts() }
        try await watch.many("queued jobs, for the scheduler", min(times, 20)) { _ in _ = try await store.queuedJobs() }
        try await watch.many("listing of 1000 live jobs", min(times, 50)) { _ in _ = try await store.jobs(JobPage(.live)) }
        try await watch.many("listing of 1000 of all jobs", min(times, 50)) { _ in _ = try await store.jobs(JobPage(.all)) }
        var fences: [Int64] = []
        try await watch.many("claim", times) { index in
            fences.append(try await store.claim(jobs[index], cores: [0], memory: 1, now: Self.now)?.fence ?? 0)
        }
        try await watch.many("spawned and running", times) { index in
            try await store.attemptSpawned(
                jobs[index], fence: fences[index], pid: 1, startTicks: 1, bootID: "b", now: Self.now)
            try await store.attemptRunning(jobs[index], fence: fences[index], resumeStep: 0, now: Self.now)
        }
        try await watch.many("end of an attempt", times) { index in
            _ = try await store.attemptEnded(
                jobs[index], fence: fences[index], AttemptEnding(.success), detail: "", step: 1, exit: (0, nil),
                usage: nil, policy: nil, now: Self.now)
        }
        let newest = try await store.lastSequence()
        try await watch.many("newest 100 events", times) { _ in
            _ = try await store.events(after: newest - 100, job: nil, limit: 100)
        }
        try await watch.many("events of one job", times) { index in
            _ = try await store.events(after: 0, job: jobs[index], limit: 100)
        }
        try await watch.many("details of one job", times) { _ = try await store.job(jobs[$0]) }
    }
}

/// Prints how long things take.
struct Stopwatch {
    mutating func once<Value>(_ name: String, _ body: () throws -> Value) rethrows -> Value {
        let start = ContinuousClock.now
        let value = try body()
        Self.print(name, [ContinuousClock.now - start])
        return value
    }

    mutating func many(_ name: String, _ times: Int, _ body: (Int) async throws -> Void) async throws {
        var durations: [Duration] = []
        for index in 0..<times {
            let start = ContinuousClock.now
            try await body(index)
            durations.append(ContinuousClock.now - start)
        }
        Self.print(name, durations)
    }

    private static func print(_ name: String, _ durations: [Duration]) {
        let sorted = durations.map { Double($0.components.attoseconds) / 1e15 + Double($0.components.seconds) * 1e3 }.sorted()
        let padded = name + String(repeating: " ", count: max(0, 36 - name.count))
        let p99 = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        Swift.print(padded, String(format: "%9.3f %9.3f", sorted[sorted.count / 2], p99))
    }
}
