import Foundation
import SeededRandom
import Testing

/// Processes killed at random moments. Every round prints nothing unless it fails, and then its seed.
@Suite("Killed at random moments", .serialized)
struct CrashTests {
    static let rounds = Int(ProcessInfo.processInfo.environment["HONE_CRASH_ROUNDS"] ?? "") ?? 12

    @Test func workersKilledManyTimesEndWithTheSameBytes() async throws {
        let jobs = ["lm", "align"]
        let expected = try await UndisturbedRun.shared.fingerprints()
        for round in 0..<Self.rounds {
            let seed = UInt64(round + 1)
            var random = SplitMix64(seed)
            let shop = try Workshop()
            try drop(into: shop)
            let daemon = try shop.daemon()
            for _ in 0..<3 {
                try await Task.sleep(for: .milliseconds(random.below(900)))
                for worker in shop.workers() { kill(worker, SIGKILL) }
            }
            #expect(try await daemon.wait() == 0, "seed \(seed): \(daemon.standardError)")
            try shop.check(jobs, equal: expected, seed)
        }
    }

    @Test func daemonsKilledManyTimesLoseNothing() async throws {
        let jobs = ["lm", "align"]
        let expected = try await UndisturbedRun.shared.fingerprints()
        for round in 0..<Self.rounds {
            let seed = UInt64(round + 101)
            var random = SplitMix64(seed)
            let shop = try Workshop()
            try drop(into: shop)
            for _ in 0..<3 {
                let daemon = try shop.daemon()
                try await Task.sleep(for: .milliseconds(random.below(900)))
                daemon.kill(SIGKILL)
                try await daemon.wait()
            }
            let (status, log) = try await shop.settle()
            #expect(status == 0, "seed \(seed): \(log)")
            try shop.check(jobs, equal: expected, seed)
        }
    }

    @Test func stoppingSavesTheLastStepAndGoesOn() async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        let shop = try Workshop()
        try drop(into: shop)
        for pause in [300, 700, 1100] {
            let daemon = try shop.daemon()
            try await Task.sleep(for: .milliseconds(pause))
            daemon.kill(SIGTERM)
            #expect([0, 1].contains(try await daemon.wait()), "\(daemon.standardError)")
            #expect(shop.workers() == [])
        }
        #expect(try await shop.settle().status == 0)
        try shop.check(["lm", "align"], equal: expected)
        #expect(try shop.query("SELECT count(*) FROM attempts WHERE outcome='crash'") == "0")
    }
}

func drop(into shop: Workshop) throws {
    try shop.drop(SmallJob.pretrain(), as: "lm.yaml")
    try shop.drop(SmallJob.tiDPO(), as: "align.yaml")
}

/// The same jobs without faults, run once.
actor UndisturbedRun {
    static let shared = UndisturbedRun()
    private var known: [String: [String: String]]?

    func fingerprints() async throws -> [String: [String: String]] {
        if let known { return known }
        let shop = try Workshop()
        try drop(into: shop)
        let (status, log) = try await shop.settle()
        try #require(status == 0, "\(log)")
        let found = ["lm": try shop.fingerprint("lm"), "align": try shop.fingerprint("align")]
        known = found
        return found
    }
}
