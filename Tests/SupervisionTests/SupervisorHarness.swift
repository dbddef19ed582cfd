import DurableFiles
import JobModel
import JobQueue
import Logging
import TestFolders
import Testing

@testable import Supervision

/// A supervisor over a real directory and a real queue in memory, with workers and time in the hands of the test.
final class SupervisorHarness {
    let place: TestFolder
    let root: Root
    let store: SQLiteJobStore
    let launcher = FakeLauncher()
    let planner = FakePlanner()
    let time = ManualTime()
    /// What was logged, one text for each line.
    let lines = Collector<String>()
    private(set) var supervisor: Supervisor
    private let cores: Int
    private let memory: Int64

    init(cores: Int = 4, memory: Int64 = 1 << 30) throws {
        place = try TestFolder()
        root = .under(place.path)
        try root.prepare()
        try place.make("models/base")
        try place.write("{}", to: "models/base/config.json")
        try place.write("{}\n", to: "datasets/rows.jsonl")
        store = try SQLiteJobStore.inMemory()
        self.cores = cores
        self.memory = memory
        supervisor = try Self.make(root, store, launcher, planner, time, lines, cores: cores, memory: memory)
    }

    /// As after a crash: a new supervisor over what the old one left in the database and on disk.
    func restart() throws {
        supervisor = try Self.make(root, store, launcher, planner, time, lines, cores: cores, memory: memory)
    }

    private static func make(
        _ root: Root, _ store: SQLiteJobStore, _ launcher: FakeLauncher, _ planner: FakePlanner, _ time: ManualTime,
        _ lines: Collector<String>, cores: Int, memory: Int64
    ) throws -> Supervisor {
        let logger = Logger(label: "test") { _ in CollectingLogHandler(lines: lines) }
        let parts = Supervisor.Parts(
            root: root, store: store, launcher: launcher, planner: planner, time: time, logger: logger)
        return try Supervisor(
            parts, configuration: Configuration(), machine: Machine(cores: Array(0..<cores), memory: memory))
    }

    /// A small, complete specification.
    static func spec(_ name: String, _ more: String = "") -> String {
        "name: \(name)\nmethod: sft\nmodel: base\ndataset: {train: rows.jsonl}\ntrain: {steps: 10}\n\(more)\n"
    }

    /// Drops a file by a rename, as `hone submit` does.
    func drop(_ name: String, _ text: String) throws {
        try place.write(text, to: "jobs/.\(name)")
        try place.rename("jobs/.\(name)", to: "jobs/\(name)")
    }

    /// Turns the loop until `condition` holds. Background work (hashing) is waited for, never timed.
    func turn(until condition: () async throws -> Bool) async throws {
        for _ in 0..<2000 {
            await supervisor.turn()
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("what was waited for did not happen")
    }

    /// Waits for something that a running loop does by itself.
    func waiting(for condition: () async throws -> Bool) async throws {
        for _ in 0..<2000 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("what was waited for did not happen")
    }

    /// The first worker that a running loop launched.
    func launchedWorker() async throws -> FakeLauncher.Worker {
        try await waiting { !self.launcher.all.isEmpty }
        return try #require(launcher.all.first)
    }

    func state(_ job: Int64) async throws -> JobState? { try await store.job(job)?.summary.state }

    func turn(untilJob job: Int64, is state: JobState) async throws {
        try await turn { try await self.state(job) == state }
    }

    /// The worker number `index` that was launched.
    func worker(_ index: Int) async throws -> FakeLauncher.Worker {
        try await turn { self.launcher.all.count > index }
        return try #require(index < launcher.all.count ? launcher.all[index] : nil)
    }

    func status(_ job: String) throws -> StatusRecord {
        try JSONCoding.decode(StatusRecord.self, from: Array(try place.read("runs/\(job)/status.json").utf8))
    }
}

extension Supervisor {
    /// Changes the configuration, as a reload does.
    func configure(_ change: @Sendable (inout Configuration) -> Void) { change(&configuration) }
}

/// Keeps what is logged.
struct CollectingLogHandler: LogHandler {
    let lines: Collector<String>
    var metadata = Logger.Metadata()
    var logLevel = Logger.Level.debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.add("\(event.level) \(event.message)") }
}
