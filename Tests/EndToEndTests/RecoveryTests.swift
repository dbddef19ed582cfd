import DurableFiles
import Foundation
import SeededRandom
import Testing

/// The queue database lost, damaged or gone back to a backup while jobs wait and run.
@Suite("A lost queue comes back from its files", .serialized)
struct RecoveryTests {
    @Test(arguments: [["queue.db"], ["queue.db", "queue.db-wal", "queue.db-shm"], ["queue.db-wal"]])
    func deletedInMidQueue(files: [String]) async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        for seed in 1...4 as ClosedRange<UInt64> {
            let shop = try Workshop()
            try await shop.killInMidQueue(seed)
            for file in files { try removeTree("\(shop.root)/db/\(file)") }
            if files != ["queue.db-wal"] {
                // Not an empty queue instead.
                let (refused, words) = try await shop.settle()
                #expect(refused == 78 && words.contains("hone recover"), "seed \(seed): \(words)")
            }
            try await shop.hone(["recover"])
            let (status, log) = try await shop.settle()
            #expect(status == 0, "seed \(seed): \(log)")
            try shop.check(["lm", "align"], equal: expected, seed)
        }
    }

    @Test func deletedAfterABackupInMidQueue() async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        for seed in 11...14 as ClosedRange<UInt64> {
            let shop = try Workshop()
            try await shop.killInMidQueue(seed)
            try await shop.hone(["backup"])
            try await shop.killInMidQueue(seed + 100, dropping: false)
            try removeTree("\(shop.root)/db/queue.db")
            try await shop.hone(["recover"])
            #expect(try await shop.settle().status == 0, "seed \(seed)")
            try shop.check(["lm", "align"], equal: expected, seed, wasRestored: true)
        }
    }

    @Test func restoredAfterEverythingHadEnded() async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        let shop = try Workshop()
        try await shop.killInMidQueue(21)
        let copy = "\(shop.root)/copy.db"
        try await shop.hone(["backup", copy])
        #expect(try await shop.settle().status == 0)
        let before = try shop.query("SELECT group_concat(id || name || state) FROM jobs")
        try await shop.hone(["restore", copy])
        #expect(try await shop.settle().status == 0)
        #expect(try shop.query("SELECT group_concat(id || name || state) FROM jobs") == before)
        try shop.check(["lm", "align"], equal: expected, wasRestored: true)
        #expect(shop.names(in: "db").contains { $0.hasPrefix("set-aside-") })
    }

    @Test func numbersAreNotGivenTwice() async throws {
        let shop = try Workshop()
        try shop.drop(SmallJob.pretrain(), as: "lm.yaml")
        #expect(try await shop.settle().status == 0)
        try removeTree("\(shop.root)/db")
        try removeTree("\(shop.root)/jobs/accepted")
        try makeDirectory("\(shop.root)/runs/7-unreadable")
        try shop.write("{}", to: "runs/7-unreadable/spec.json")
        #expect(try await shop.settle().status == 78)
        try makeDirectory("\(shop.root)/db")
        let recovered = try await run(Programs.command, ["recover", "--root", shop.root])
        #expect(recovered.process.terminationStatus == 1 && recovered.standardError.contains("7-unreadable"))
        try shop.drop(SmallJob.pretrain("next", seed: 2), as: "next.yaml")
        #expect(try await shop.settle().status == 0)
        #expect(shop.names(in: "runs").contains("8-next"))
        #expect(try shop.query("SELECT count(*) FROM attempts WHERE outcome = 'success'") == "2")
    }

    /// A loss of power that cost the queue has left the specification without content, too.
    @Test func anEmptySpecificationIsThatOfTheAcceptedFile() async throws {
        let shop = try Workshop()
        try shop.drop("hold: true\n" + SmallJob.pretrain(), as: "lm.yaml")
        _ = try await shop.settle()
        let specification = try shop.text("\(shop.run("lm"))/spec.json")
        try shop.write("", to: "\(shop.run("lm"))/spec.json")
        for file in ["queue.db", "queue.db-wal", "queue.db-shm"] { try removeTree("\(shop.root)/db/\(file)") }
        try await shop.hone(["recover"])
        #expect(try shop.query("SELECT name || ' ' || state FROM jobs") == "lm held")
        #expect(try shop.query("SELECT CAST(spec AS TEXT) FROM jobs") == specification)
    }

    @Test func flippedPagesAreRefusedAndRecoverSaysHow() async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        var refused = 0
        for seed in 31...36 as ClosedRange<UInt64> {
            let shop = try Workshop()
            try await shop.killInMidQueue(seed)
            var random = SplitMix64(seed)
            let path = "\(shop.root)/db/queue.db"
            // Committed pages live in the log until a checkpoint: this makes them part of the database.
            #expect(try shop.query("PRAGMA wal_checkpoint(TRUNCATE)") == "0")
            var bytes = try readFile(path, limit: 1 << 30)
            let page = Int(random.below(UInt64(bytes.count / 4096))) * 4096
            for offset in page..<page + 4096 { bytes[offset] ^= 0xA5 }
            try durableWrite(bytes, to: path)
            let (status, log) = try await shop.settle()
            if status == 78 {
                refused += 1
                #expect(log.contains("recover") && shop.names(in: "db").contains { $0.hasPrefix("corrupt-") }, "\(log)")
            } else {
                // The page held nothing: free space is not covered by any check.
                #expect(status == 0, "\(log)")
            }
            try await shop.hone(["recover"])
            #expect(try await shop.settle().status == 0, "seed \(seed)")
            try shop.check(["lm", "align"], equal: expected, seed)
        }
        #expect(refused > 0, "no damaged page was noticed")
    }

    @Test func killedAtEveryBoundaryAndDoneAgain() async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        for point in [
            "rebuild.after_draft", "rebuild.after_jobs", "rebuild.after_close", "rebuild.after_setting_aside",
            "rebuild.after_publish",
        ] {
            for command in [["recover"], ["restore", "copy.db"]] {
                let shop = try Workshop()
                try await shop.killInMidQueue(41)
                let arguments = command.map { $0.hasSuffix(".db") ? "\(shop.root)/\($0)" : $0 }
                if command.count > 1 { try await shop.hone(["backup", arguments[1]]) }
                let killed = try await run(
                    Programs.command, arguments + ["--root", shop.root], environment: ["HONE_FAILPOINT": "\(point):kill"])
                #expect(killed.process.terminationReason == .uncaughtSignal, "\(point) was not reached")
                try await shop.hone(arguments)
                #expect(try await shop.settle().status == 0, "\(point)")
                try shop.check(["lm", "align"], equal: expected, wasRestored: true)
            }
        }
        for point in ["backup.before_publish", "backup.after_publish"] {
            let shop = try Workshop()
            try await shop.killInMidQueue(42)
            let killed = try await run(
                Programs.command, ["backup", "--root", shop.root], environment: ["HONE_FAILPOINT": "\(point):kill"])
            #expect(killed.process.terminationReason == .uncaughtSignal, "\(point) was not reached")
            try await shop.hone(["backup"])
            #expect(try await shop.settle().status == 0)
            try shop.check(["lm", "align"], equal: expected)
        }
    }

    @Test func refusedWhileADaemonWorks() async throws {
        let shop = try Workshop()
        let daemon = try shop.daemon([:], [])
        for _ in 0..<200 where !shop.exists("db/queue.db") { try await Task.sleep(for: .milliseconds(20)) }
        try await shop.hone(["backup", "\(shop.root)/live.db"])
        for command in [["recover"], ["restore", "\(shop.root)/live.db"]] {
            let refused = try await run(Programs.command, command + ["--root", shop.root])
            #expect(
                refused.process.terminationStatus == 5 && refused.standardError.contains("a daemon works on"),
                "\(refused.standardError)")
        }
        daemon.kill(SIGTERM)
        try await daemon.wait()
    }

    @Test func theDoctorNamesWhatIsWrong() async throws {
        let shop = try Workshop()
        #expect(try await shop.settle().status == 0)
        chmod("\(shop.root)/jobs", 0o700)
        chmod("\(shop.root)/runs", 0o700)
        let healthy = try await shop.doctor()
        #expect(healthy.status == 0, "\(healthy.text)")
        try makeDirectory("\(shop.root)/runs/5-stray")
        #expect(try await shop.doctor().text.contains("5-stray"))
        chmod("\(shop.root)/db", 0o755)
        let open = try await shop.doctor()
        #expect(open.status == 78 && open.text.contains("mode 755"), "\(open.text)")
        try durableWrite("nonsense: 1\n", to: "\(shop.root)/hone.yaml")
        #expect(try await shop.doctor().text.contains("nonsense"))
        try durableWrite("this is no database, however long one looks at it", to: "\(shop.root)/db/queue.db")
        #expect(try await shop.doctor().text.contains("hone recover"))
    }
}

extension Workshop {
    /// Drops the two jobs and kills the daemon and its workers somewhere on the way.
    func killInMidQueue(_ seed: UInt64, dropping: Bool = true) async throws {
        var random = SplitMix64(seed)
        if dropping { try EndToEndTests.drop(into: self) }
        let daemon = try daemon()
        // Before there is a queue, there is nothing to lose.
        for _ in 0..<1000 where names(in: "runs").isEmpty { try await Task.sleep(for: .milliseconds(10)) }
        try await Task.sleep(for: .milliseconds(random.below(900)))
        daemon.kill(SIGKILL)
        try await daemon.wait()
        for worker in workers() { kill(worker, SIGKILL) }
        for _ in 0..<500 where !workers().isEmpty { try await Task.sleep(for: .milliseconds(10)) }
    }

    /// Runs `hone`, which has to succeed.
    func hone(_ arguments: [String]) async throws {
        let program = try await EndToEndTests.run(Programs.command, arguments + ["--root", root])
        #expect(program.process.terminationStatus == 0, "hone \(arguments): \(program.standardError)")
    }

    func doctor() async throws -> (status: Int32, text: String) {
        let program = try await EndToEndTests.run(
            Programs.command, ["doctor", "--root", root], environment: ["HONE_WORKER": Programs.worker])
        return (program.process.terminationStatus, program.standardOutput)
    }
}
