import Foundation
import JobModel
import Testing

/// A list of files in dataset.train, from the drop directory to the artifacts.
@Suite("Several files of rows")
struct SeveralFilesTests {
    private static let folder = SmallJob.tiDPO("folder").replacing("train: pairs.jsonl", with: "train: parts")
    private static let list = SmallJob.tiDPO("list")
        .replacing("train: pairs.jsonl", with: "train: [parts/1.jsonl, parts/2.jsonl, parts/3.jsonl]")

    private func shop() throws -> Workshop {
        let shop = try Workshop()
        try FileManager.default.createDirectory(atPath: "\(shop.root)/datasets/parts", withIntermediateDirectories: true)
        for (part, first) in [(1, 0), (2, 8), (3, 16)] {
            try shop.write(SmallText.pairs(count: 8, from: first), to: "datasets/parts/\(part).jsonl")
        }
        try shop.drop(SmallJob.pretrain(), as: "lm.yaml")
        return shop
    }

    @Test func aListTrainsAsAFolderDoesAlsoWhenItIsKilled() async throws {
        let shop = try shop()
        try shop.drop(Self.folder, as: "folder.yaml")
        #expect(try await shop.settle().status == 0)
        let expected = try shop.fingerprint("folder")

        try shop.drop(Self.list, as: "list.yaml")
        let worker = try shop.script(
            """
            case $1 in plan) exec '\(Programs.worker)' "$@";; esac
            if mkdir "\(shop.root)/first" 2>/dev/null; then export HONE_FAILPOINT=checkpoint.after_rename:2:kill; fi
            exec '\(Programs.worker)' "$@"
            """)
        let daemon = try shop.daemon([:], ["--until-idle", "--worker", worker])
        #expect(try await daemon.wait() == 0, "\(daemon.standardError)")
        #expect(try shop.result("list").fence == 2)
        let found = try shop.fingerprint("list")
        for name in ["model.safetensors", "checkpoint/model.safetensors", "metrics"] {
            #expect(found[name] == expected[name], "\(name)")
        }
        #expect(found["model.safetensors"] != nil)
    }

    @Test func faultsNameTheFileOfTheList() async throws {
        let shop = try shop()
        try shop.drop(Self.list.replacing("parts/2.jsonl", with: "parts/absent.jsonl"), as: "absent.yaml")
        try shop.drop(Self.list.replacing("parts/2.jsonl", with: "../models"), as: "outside.yaml")
        try shop.write(SmallText.pairs(count: 3) + "{\"prompt\": \"Mia\"\n", to: "datasets/parts/2.jsonl")
        try shop.drop(Self.list, as: "list.yaml")
        let (status, log) = try await shop.settle()
        #expect(status == 1, "\(log)")
        let absent = try shop.text("jobs/rejected/absent.yaml.error.txt")
        #expect(absent.contains("dataset.train[1]: nothing named parts/absent.jsonl"), "\(absent)")
        let outside = try shop.text("jobs/rejected/outside.yaml.error.txt")
        #expect(outside.contains("outside.yaml:5:") && outside.contains("leads out of its root"), "\(outside)")
        let told = try shop.whatWasSaid(about: "list") + log
        #expect(told.contains("parts/2.jsonl:4"), "\(told)")
    }

    /// The same job by hand, without a daemon.
    @Test func honeRunReadsListsToo() async throws {
        let shop = try shop()
        let job = SmallJob.pretrain().replacing("text.txt", with: "[one.txt, two.txt]")
        try shop.write(job, to: "datasets/job.yaml")
        try shop.write(SmallText.documents(count: 20), to: "datasets/one.txt")
        let arguments = ["run", "\(shop.root)/datasets/job.yaml", "--output", "\(shop.root)/out"]
        let missing = try await run(Programs.command, arguments)
        #expect(missing.process.terminationStatus != 0)
        #expect(missing.standardError.contains("dataset.train[1]"), "\(missing.standardError)")
        #expect(missing.standardError.contains("datasets/two.txt"), "\(missing.standardError)")
        try shop.write(SmallText.documents(count: 30), to: "datasets/two.txt")
        let done = try await run(Programs.command, arguments)
        #expect(done.process.terminationStatus == 0, "\(done.standardError)")
    }
}
