import DurableFiles
import Foundation
import Supervision
import Testing

/// Death at every boundary between two durable operations. The boundaries are not listed here: an undisturbed run
/// writes down the ones it passes.
@Suite("Killed at every fail-point", .serialized)
struct FailPointTests {
    @Test func theDaemon() async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        let names = try await boundaries(ofWorker: false)
        #expect(names.contains("ingest.after_commit") && names.count >= 8, "\(names)")
        for name in names {
            let shop = try Workshop()
            try drop(into: shop)
            let daemon = try shop.daemon(["HONE_FAILPOINT": "\(name):kill"])
            #expect(try await daemon.wait() == -SIGKILL, "\(name) was not reached: \(daemon.standardError)")
            let (status, log) = try await shop.settle()
            #expect(status == 0, "\(name): \(log)")
            try shop.check(["lm", "align"], equal: expected)
        }
    }

    @Test(arguments: ["kill", "enospc"])
    func theWorker(action: String) async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        let names = try await boundaries(ofWorker: true)
        #expect(names.contains("checkpoint.after_rename") && names.contains("result.after_write"), "\(names)")
        for name in names {
            let shop = try Workshop()
            try drop(into: shop)
            let worker = try shop.disturbedWorker("\(name):2:\(action)", orElse: "\(name):1:\(action)")
            let daemon = try shop.daemon([:], ["--until-idle", "--worker", worker])
            #expect(try await daemon.wait() == 0, "\(name): \(daemon.standardError)")
            try shop.check(["lm", "align"], equal: expected)
        }
    }

    /// What an undisturbed run does not come by: a file that is refused.
    @Test func theDaemonThatRefuses() async throws {
        let names = try await boundariesOfARefusal()
        #expect(names.count >= 4, "\(names)")
        for name in names {
            let shop = try Workshop()
            try shop.drop("nonsense", as: "bad.yaml")
            let daemon = try shop.daemon(["HONE_FAILPOINT": "\(name):kill"])
            #expect(try await daemon.wait() == -SIGKILL, "\(name) was not reached: \(daemon.standardError)")
            let (status, log) = try await shop.settle()
            // The last daemon may have done all there was to do.
            #expect([0, 1].contains(status), "\(name): \(log)")
            #expect(shop.names(in: "jobs").filter { $0.hasSuffix(".yaml") } == [], "\(name)")
            #expect(shop.names(in: "jobs/rejected") == ["bad.yaml", "bad.yaml.error.txt"], "\(name)")
            #expect(try shop.text("jobs/rejected/bad.yaml.error.txt").contains("bad.yaml"), "\(name)")
            let records = try shop.query("SELECT group_concat(outcome || ' ' || file_state) FROM submissions")
            #expect(records == "rejected moved", "\(name)")
        }
    }

    /// And one that finds attempts of the last daemon.
    @Test func theDaemonThatRecovers() async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        let names = try await boundariesOfARecovery()
        #expect(names.count >= 2, "\(names)")
        for name in names {
            let shop = try Workshop()
            try await shop.killInMidAttempt()
            let daemon = try shop.daemon(["HONE_FAILPOINT": "\(name):kill"])
            #expect(try await daemon.wait() == -SIGKILL, "\(name) was not reached: \(daemon.standardError)")
            let (status, log) = try await shop.settle()
            #expect(status == 0, "\(name): \(log)")
            try shop.check(["lm", "align"], equal: expected)
            #expect(try shop.query("SELECT count(*) FROM submissions WHERE file_state <> 'moved'") == "0", "\(name)")
        }
    }

    /// What no run above passes, requests do, in `ControlTests`.
    @Test func noBoundaryOfTheDaemonIsForgotten() async throws {
        var passed = Set(try await boundaries(ofWorker: false))
        passed.formUnion(try await boundariesOfARefusal())
        passed.formUnion(try await boundariesOfARecovery())
        passed.formUnion(ControlTests.boundariesOfARequest)
        let all = Set(Boundary.allCases.map(\.rawValue))
        #expect(all.subtracting(passed) == [], "nobody kills the daemon there")
    }

    private func boundariesOfARefusal() async throws -> [String] {
        let shop = try Workshop()
        try shop.drop("nonsense", as: "bad.yaml")
        _ = try await shop.settle(["HONE_FAILPOINT_TRACE": "\(shop.root)/trace"])
        return try shop.trace().filter { $0.hasPrefix("reject.") }
    }

    private func boundariesOfARecovery() async throws -> [String] {
        let shop = try Workshop()
        try await shop.killInMidAttempt()
        _ = try await shop.settle(["HONE_FAILPOINT_TRACE": "\(shop.root)/trace"])
        return try shop.trace().filter { $0.hasPrefix("recovery.") }
    }

    /// The names of the boundaries that the daemon, or its workers, pass in an undisturbed run.
    private func boundaries(ofWorker: Bool) async throws -> [String] {
        let shop = try Workshop()
        try drop(into: shop)
        let trace = "\(shop.root)/trace"
        if ofWorker {
            let worker = try shop.script("HONE_FAILPOINT_TRACE='\(trace)' exec '\(Programs.worker)' \"$@\"")
            try await shop.daemon([:], ["--until-idle", "--worker", worker]).wait()
        } else {
            _ = try await shop.settle(["HONE_FAILPOINT_TRACE": trace])
        }
        return try shop.trace()
    }
}

extension Workshop {
    /// The names of the boundaries that were written down, each once.
    fileprivate func trace() throws -> [String] {
        Set(try text("trace").split(separator: "\n").map(String.init)).sorted()
    }

    /// Drops the two jobs and kills the daemon and its worker while one trains.
    fileprivate func killInMidAttempt() async throws {
        try EndToEndTests.drop(into: self)
        let daemon = try daemon()
        for _ in 0..<1000 where !exists("\(run("lm"))/metrics.jsonl") { try await Task.sleep(for: .milliseconds(5)) }
        // Held first: without its daemon a worker would end by itself, perhaps before it is found.
        let workers = workers()
        for worker in workers { kill(worker, SIGSTOP) }
        daemon.kill(SIGKILL)
        for worker in workers { kill(worker, SIGKILL) }
        try await daemon.wait()
        for _ in 0..<500 where !self.workers().isEmpty { try await Task.sleep(for: .milliseconds(10)) }
        #expect(!workers.isEmpty, "the first job had ended already")
    }

    /// A worker that meets a fault in its first attempt and another in its second, and is healthy from then on.
    func disturbedWorker(_ first: String, orElse second: String) throws -> String {
        try script(
            """
            case $1 in plan) exec '\(Programs.worker)' "$@";; esac
            for fault in '\(first)' '\(second)'; do
                if mkdir "\(root)/met-$fault" 2>/dev/null; then export HONE_FAILPOINT=$fault; break; fi
            done
            exec '\(Programs.worker)' "$@"
            """)
    }

    /// An executable shell script.
    func script(_ body: String) throws -> String {
        let path = "\(root)/worker.sh"
        try durableWrite("#!/bin/sh\n\(body)\n", to: path, mode: 0o755)
        return path
    }
}
