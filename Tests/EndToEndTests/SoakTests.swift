import DurableFiles
import Foundation
import JobModel
import SeededRandom
import Testing

/// Hundreds of random kills of workers, of the daemon and of both, in one root with one queue. Off unless HONE_SOAK says
/// how many; `scripts/soak` runs it.
@Suite("Soak", .enabled(if: Soak.kills > 0, "HONE_SOAK=N asks for N random kills; see scripts/soak"))
struct SoakTests {
    @Test func randomKillsLoseAndDoubleNothing() async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        let soak = try Soak(seed: Soak.seed)
        try await soak.run(kills: Soak.kills)
        try soak.check(equal: expected)
        print(soak.summary)
    }
}

/// One soak: drops pairs of small jobs, and kills.
final class Soak {
    static let kills = Int(ProcessInfo.processInfo.environment["HONE_SOAK"] ?? "") ?? 0
    static let seed = UInt64(ProcessInfo.processInfo.environment["HONE_SOAK_SEED"] ?? "") ?? 1
    /// Unfinished pairs that are kept in the queue while kills go on.
    private static let pairsAtATime = 3
    /// A job killed three times at one step is quarantined, which is right and not what is looked at here.
    private static let workerKillsPerJob = 2

    private let shop: Workshop
    private let seed: UInt64
    private var random: SplitMix64
    private var daemon: RunningProgram?
    private var pairs = 0
    private var killsOfJob: [String: Int] = [:]
    private var killed = (workers: 0, daemons: 0, both: 0)
    private var mostHolders = 0
    private var samples = 0
    private let began = Date.now

    init(seed: UInt64) throws {
        self.seed = seed
        random = SplitMix64(seed)
        shop = try Workshop()
    }

    func run(kills: Int) async throws {
        while killed.workers + killed.daemons + killed.both < kills {
            try keepBusy()
            if daemon?.process.isRunning != true { daemon = try shop.daemon([:], []) }
            try await Task.sleep(for: .milliseconds(60 + random.below(500)))
            try sampleLocks()
            try await killSomething()
        }
        daemon?.kill(SIGKILL)
        try await daemon?.wait()
        let last = try shop.daemon()
        let status = try await last.wait(seconds: 1200)
        #expect(status == 0, "seed \(seed): \(last.standardError.suffix(4000))")
    }

    private func keepBusy() throws {
        let finished = shop.names(in: "runs").count { shop.exists("runs/\($0)/result.json") }
        while pairs < finished / 2 + Self.pairsAtATime {
            pairs += 1
            try shop.drop(SmallJob.pretrain("lm-\(pairs)"), as: "lm-\(pairs).yaml")
            try shop.drop(SmallJob.tiDPO("align-\(pairs)", after: "lm-\(pairs)"), as: "align-\(pairs).yaml")
        }
    }

    private func killSomething() async throws {
        switch random.below(10) {
        case 0..<4: killWorker()
        case 4..<7:
            try await killDaemon()
            killed.daemons += 1
        default:
            let workers = shop.workers()
            try await killDaemon()
            for worker in workers { kill(worker, SIGKILL) }
            killed.both += 1
        }
    }

    private func killDaemon() async throws {
        daemon?.kill(SIGKILL)
        try await daemon?.wait()
        daemon = nil
    }

    private func killWorker() {
        let candidates = shop.workers().compactMap { pid -> (Int32, String)? in
            guard let job = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd") else { return nil }
            return killsOfJob[job, default: 0] < Self.workerKillsPerJob ? (pid, job) : nil
        }.sorted { $0.1 < $1.1 }
        guard !candidates.isEmpty else { return }
        let (pid, job) = candidates[Int(random.below(UInt64(candidates.count)))]
        killsOfJob[job, default: 0] += 1
        kill(pid, SIGKILL)
        killed.workers += 1
    }

    /// How many processes hold each run's lock, as the kernel lists them.
    private func sampleLocks() throws {
        samples += 1
        let locks = try String(contentsOfFile: "/proc/locks", encoding: .utf8)
        for run in shop.names(in: "runs") {
            var status = stat()
            guard stat("\(shop.root)/runs/\(run)/run.lock", &status) == 0 else { continue }
            let holders = locks.split(separator: "\n").count {
                $0.contains("FLOCK") && !$0.contains("->") && $0.contains(":\(status.st_ino) ")
            }
            mostHolders = max(mostHolders, holders)
        }
    }

    func check(equal expected: [String: [String: String]]) throws {
        let names = (1...max(pairs, 1)).flatMap { ["lm-\($0)", "align-\($0)"] }
        let wanted = Dictionary(uniqueKeysWithValues: names.map { ($0, expected[$0.hasPrefix("lm") ? "lm" : "align"] ?? [:]) })
        // The model card tells the name of its job.
        try shop.check(names, equal: wanted, seed, passingOver: ["README.md"])
        #expect(mostHolders == 1, "two lock holders, or none ever seen; seed \(seed)")
    }

    var summary: String {
        let attempts = (try? shop.query("SELECT count(*) FROM attempts")) ?? "?"
        let outcomes =
            (try? shop.query(
                "SELECT group_concat(outcome || ' ' || n, ', ') FROM (SELECT outcome, count(*) AS n FROM attempts GROUP BY outcome)"))
            ?? "?"
        return """
            soak: seed \(seed), \(killed.workers + killed.daemons + killed.both) kills (\(killed.workers) of workers, \
            \(killed.daemons) of the daemon, \(killed.both) of both), \(pairs * 2) jobs, \(attempts) attempts (\(outcomes)), \
            lock samples \(samples), most holders \(mostHolders), \(Int(Date.now.timeIntervalSince(began))) s
            """
    }
}
