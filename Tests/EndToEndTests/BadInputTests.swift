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
    func aFullDiskEndsOneJobAndLeavesTheOthers() async throws {
        let shop = try Workshop()
        let disk = "\(shop.root)/runs"
        try makeDirectory(disk)
        let mounted = try await run("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=300k", "tmpfs", disk])
        try #require(mounted.process.terminationStatus == 0, "\(mounted.standardError)")
        try shop.drop(
            SmallJob.pretrain("big").replacing("hidden_size: 16", with: "hidden_size: 64")
                .replacing("max_failures: 50", with: "max_failures: 0"), as: "big.yaml")
        let (status, log) = try await shop.settle()
        #expect(status == 1)
        let told = (try? shop.whatWasSaid(about: "big")) ?? ""
        #expect((told + log).contains("No space left") || (told + log).contains("disk"), "\(told)\n\(log)")
        try await run("/usr/bin/umount", [disk])
        try shop.drop(SmallJob.pretrain("small"), as: "small.yaml")
        _ = try await shop.settle()
        #expect(try shop.result("small").outcome == .success)
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
