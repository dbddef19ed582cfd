import DurableFiles
import Foundation
import JobModel
import Testing

/// Bad input of every kind: a clear error that names the place, and the job beside it runs on.
@Suite("Bad input")
struct BadInputTests {
    @Test func brokenSpecificationsAreRejectedWithTheirPlaces() async throws {
        let shop = try Workshop()
        try shop.drop(SmallJob.pretrain().replacing("learning_rate: 1e-3", with: "learning_rate: fast"), as: "bad.yaml")
        try shop.drop("name: x\n  broken", as: "syntax.yaml")
        try shop.drop(SmallJob.pretrain("good"), as: "good.yaml")
        _ = try await shop.settle()
        #expect(try shop.result("good").outcome == .success)
        #expect(Set(shop.names(in: "jobs/rejected")).isSuperset(of: ["bad.yaml", "bad.yaml.error.txt", "syntax.yaml"]))
        let error = try shop.text("jobs/rejected/bad.yaml.error.txt")
        #expect(error.contains("bad.yaml:7:") && error.contains("train.learning_rate"), "\(error)")
    }

    @Test(arguments: [
        ("a row without a field", #"{"prompt": "Mia", "chosen": " yes"}"#, "rejected"),
        ("an empty response", #"{"prompt": "Mia", "chosen": "", "rejected": " no"}"#, "chosen"),
        ("broken JSON", #"{"prompt": "Mia", "#, "pairs.jsonl:3"),
    ])
    func badRows(_ name: String, _ row: String, _ named: String) async throws {
        let shop = try Workshop()
        let rows = SmallText.pairs(count: 24).split(separator: "\n")
        try shop.write((rows.prefix(2) + [Substring(row)] + rows.dropFirst(2)).joined(separator: "\n") + "\n", to: "datasets/pairs.jsonl")
        try drop(into: shop)
        let (status, log) = try await shop.settle()
        #expect(status == 1, "\(log)")
        #expect(try shop.result("lm").outcome == .success)
        let told = try shop.whatWasSaid(about: "align") + log
        #expect(told.contains("pairs.jsonl:3") && told.contains(named), "\(name): \(told)")
    }

    @Test func aDamagedModelNamesFileAndTensor() async throws {
        let shop = try Workshop()
        try shop.drop(SmallJob.pretrain(), as: "lm.yaml")
        #expect(try await shop.settle().status == 0)
        try FileManager.default.copyItem(
            atPath: "\(shop.root)/\(shop.run("lm"))/artifacts", toPath: "\(shop.root)/models/lm")
        let weights = "\(shop.root)/models/lm/model.safetensors"
        let whole = try readFile(weights)
        for (cut, expected) in [(7, "8"), (whole.count / 2, "model.safetensors")] {
            try durableWrite(Array(whole.prefix(cut)), to: weights)
            let generated = try await run(Programs.command, ["generate", "--model", "\(shop.root)/models/lm", "--prompt", "a"])
            #expect(generated.process.terminationStatus != 0)
            #expect(generated.standardError.contains("model.safetensors"), "\(generated.standardError)")
            #expect(generated.standardError.contains(expected), "\(generated.standardError)")
        }
    }

    @Test func aFlippedBitInACheckpointIsSetAside() async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        let shop = try Workshop()
        try drop(into: shop)
        // The second attempt finds its newest checkpoint damaged.
        let worker = try shop.script(
            """
            case $1 in plan) exec '\(Programs.worker)' "$@";; esac
            if mkdir "\(shop.root)/first" 2>/dev/null; then HONE_FAILPOINT=checkpoint.after_rename:3:kill exec '\(Programs.worker)' "$@"; fi
            if mkdir "\(shop.root)/second" 2>/dev/null; then
                newest=$(ls -d checkpoints/step-* | tail -n 1)
                printf 'X' | dd of="$newest/model.safetensors" bs=1 seek=3000 conv=notrunc 2>/dev/null
            fi
            exec '\(Programs.worker)' "$@"
            """)
        let daemon = try shop.daemon([:], ["--until-idle", "--worker", worker])
        #expect(try await daemon.wait() == 0, "\(daemon.standardError)")
        #expect(shop.names(in: "\(shop.run("lm"))/checkpoints").contains { $0.hasPrefix(".corrupt-step-") })
        try shop.check(["lm", "align"], equal: expected)
    }

    @Test(.enabled(if: getuid() == 0, "mounting a small file system needs root"))
    func aFullDiskHoldsJobsBackUntilThereIsRoom() async throws {
        let shop = try Workshop()
        let disk = try await SmallDisk(at: "\(shop.root)/runs")
        try shop.drop(SmallJob.pretrain("big"), as: "big.yaml")
        let daemon = try shop.daemon()
        var reason = ""
        for _ in 0..<300 where !reason.contains("of disk") {
            try await Task.sleep(for: .milliseconds(100))
            reason = try await run(Programs.command, ["why", "--root", shop.root, "big"]).standardOutput
        }
        #expect(reason.contains("of disk"), "\(reason)\n\(daemon.standardError)")
        try await disk.resize("3g")
        #expect(try await daemon.wait() == 0, "\(daemon.standardError)")
        #expect(try shop.result("big").outcome == .success)
        try await disk.unmount()
    }

    @Test(.enabled(if: getuid() == 0, "mounting a small file system needs root"))
    func aDiskThatFillsUpNamesTheFile() async throws {
        let shop = try Workshop()
        let disk = try await SmallDisk(at: "\(shop.root)/small")
        try shop.write(SmallJob.pretrain(), to: "datasets/lm.yaml")
        let arguments = ["run", "\(shop.root)/datasets/lm.yaml", "--output", "\(shop.root)/small/out"]
        let failed = try await run(Programs.command, arguments)
        #expect(failed.process.terminationStatus == 1)
        #expect(failed.standardError.contains("small/out/"), "\(failed.standardError)")
        #expect(failed.standardError.contains("No space left on device"), "\(failed.standardError)")
        try await disk.resize("64m")
        let again = try await run(Programs.command, arguments)
        #expect(again.process.terminationStatus == 0, "\(again.standardError)")
        try await disk.unmount()
    }

    /// Its own file system while nothing in it is open for writing; the kernel takes no other to be read-only by request.
    @Test(.enabled(if: getuid() == 0, "mounting a file system needs root"), arguments: ["runs", "jobs"])
    func aDiskThatIsReadOnlyForAWhileLosesNothing(_ directory: String) async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        let shop = try Workshop()
        let disk = try await SmallDisk(at: "\(shop.root)/\(directory)", size: "3g")
        #expect(try await shop.settle().status == 0)
        try drop(into: shop)
        try await disk.allowWriting(false)
        let daemon = try shop.daemon()
        try await Task.sleep(for: .seconds(2))
        #expect(daemon.process.isRunning && shop.names(in: "jobs").filter { $0.hasSuffix(".yaml") }.count == 2)
        try await disk.allowWriting(true)
        #expect(try await daemon.wait() == 0, "\(daemon.standardError)")
        #expect(daemon.standardError.contains("Read-only file system"), "\(daemon.standardError)")
        try shop.check(["lm", "align"], equal: expected)
        try await disk.unmount()
    }
}

/// A file system in memory with room for little.
struct SmallDisk {
    private let path: String

    init(at path: String, size: String = "100k") async throws {
        self.path = path
        try makeDirectory(path)
        try await Self.mount(["-t", "tmpfs", "-o", "size=\(size)", "tmpfs", path])
    }

    func resize(_ size: String) async throws { try await Self.mount(["-o", "remount,size=\(size)", path]) }

    func allowWriting(_ isAllowed: Bool) async throws {
        try await Self.mount(["-o", "remount,\(isAllowed ? "rw" : "ro")", path])
    }

    func unmount() async throws { _ = try await run("/usr/bin/umount", ["-l", path]) }

    private static func mount(_ arguments: [String]) async throws {
        let mounted = try await run("/usr/bin/mount", arguments)
        try #require(mounted.process.terminationStatus == 0, "\(mounted.standardError)")
    }
}

extension Workshop {
    /// The newest log and status of a job.
    func whatWasSaid(about job: String) throws -> String {
        let logs = names(in: "\(run(job))/log")
        return try logs.map { try text("\(run(job))/log/\($0)") }.joined() + ((try? text("\(run(job))/status.json")) ?? "")
    }
}

extension String {
    func replacing(_ old: String, with new: String) -> String { replacingOccurrences(of: old, with: new) }
}
