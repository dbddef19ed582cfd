import DurableFiles
import Foundation
import SeededRandom
import Testing

/// The power fails at any moment of a run, and disks that fail in the middle.
@Suite("Storage faults", .serialized, .enabled(if: RecordedChanges.interposer != nil, "needs a C compiler"))
struct StorageTests {
    static let images = Int(ProcessInfo.processInfo.environment["HONE_CRASH_IMAGES"] ?? "") ?? 15
    static let faults = Int(ProcessInfo.processInfo.environment["HONE_IO_FAULTS"] ?? "")
    static let seed = UInt64(ProcessInfo.processInfo.environment["HONE_IO_SEED"] ?? "") ?? 0

    @Test func thePowerFailsAnywhere() async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        let shop = try Workshop()
        try drop(into: shop)
        let stage = try CrashStage(shop)
        let recorded = try await stage.record()
        let boundaries = recorded.boundaries
        #expect(boundaries.count > 100, "\(boundaries.count)")
        var random = SplitMix64(7)
        var tried = 0
        for index in Self.chosen(boundaries.count, Self.images, &random) {
            for loss in DiskModel.Loss.allCases {
                try stage.build(recorded.changes.prefix(boundaries[index] + 1), loss, &random)
                let (status, log) = try await shop.settle()
                #expect(status == 0, "power lost after change \(boundaries[index]), \(loss): \(log.suffix(2000))")
                try shop.check(["lm", "align"], equal: expected, UInt64(boundaries[index]))
                tried += 1
                try stage.takeBack()
            }
        }
        print("storage: \(recorded.changes.count) changes, \(boundaries.count) boundaries, \(tried) images recovered")
    }

    /// All of them if asked for more than there are, else a spread that a seed repeats.
    private static func chosen(_ count: Int, _ wanted: Int, _ random: inout SplitMix64) -> [Int] {
        guard wanted < count else { return Array(0..<count) }
        return (0..<wanted).map { Int(random.below(UInt64(count / wanted))) + $0 * (count / wanted) }
    }

    /// About as many calls of a class as a daemon makes before its jobs have ended.
    static let daemonCalls: [String: UInt64] = ["write": 60, "open": 16, "truncate": 2]

    /// About as many calls of a class as a worker makes.
    static let calls: [String: UInt64] = ["write": 60, "open": 40, "truncate": 2]

    /// What a call can fail with; only a write can be short.
    static func kinds(_ classes: [String], _ errors: [String]) -> [(String, String)] {
        classes.flatMap { name in (errors + (name == "write" ? ["short"] : [])).map { (name, $0) } }
    }

    /// Where faults are met: the same for the same seed, class and error.
    static func random(_ class: String, _ error: String) -> SplitMix64 {
        SplitMix64("\(`class`) \(error)".utf8.reduce(seed) { $0 &* 31 &+ UInt64($1) })
    }

    /// What a daemon's disk does wrong.
    struct DiskFault: Sendable, CustomTestStringConvertible {
        let name: String
        let error: String
        var testDescription: String { "\(name) \(error)" }
    }

    /// Every kind where HONE_IO_FAULTS is set, each as often as it says; else one of each class, others with another seed.
    static let daemonFaults: [DiskFault] = {
        let all = kinds(["write", "sync", "rename", "open", "truncate"], ["eio", "+enospc", "+erofs"])
            .map { DiskFault(name: $0.0, error: $0.1) }
        if faults != nil { return all }
        var random = SplitMix64(seed)
        return Dictionary(grouping: all, by: \.name).sorted { $0.key < $1.key }.map { kinds in
            kinds.value[Int(random.below(UInt64(kinds.value.count)))]
        }
    }()

    @Test(arguments: kinds(["write", "sync", "rename", "open"], ["eio", "enospc"]))
    func aWorkersDiskFails(class: String, error: String) async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        var random = Self.random(`class`, error)
        var met = 0
        for _ in 0..<(Self.faults ?? 3) {
            let at = 1 + random.below(Self.calls[`class`] ?? 12)
            let shop = try Workshop()
            let sign = shop.root + "-met"
            try drop(into: shop)
            let worker = try shop.script(
                """
                case $1 in plan) exec '\(Programs.worker)' "$@";; esac
                if mkdir "\(shop.root)/met" 2>/dev/null || mkdir "\(shop.root)/met-again" 2>/dev/null; then
                    export LD_PRELOAD='\(RecordedChanges.interposer ?? "")' HONE_IO_ROOT='\(shop.root)' HONE_IO_FAULT=\(`class`):\(at):\(error) \
                        HONE_IO_MET='\(sign)'
                fi
                exec '\(Programs.worker)' "$@"
                """)
            let daemon = try shop.daemon([:], ["--until-idle", "--worker", worker])
            #expect(try await daemon.wait() == 0, "\(`class`):\(at):\(error): \(daemon.standardError.suffix(2000))")
            try shop.check(["lm", "align"], equal: expected, at)
            met += shop.removeSign(sign)
        }
        #expect(met > 0, "no \(`class`) failed")
    }

    @Test(arguments: daemonFaults)
    func theDaemonsDiskFails(_ fault: DiskFault) async throws {
        let expected = try await UndisturbedRun.shared.fingerprints()
        var random = Self.random(fault.name, fault.error)
        var met = 0
        var tried = 0
        // Some faults lie beyond the last call of a run.
        while tried < Self.faults ?? 1 || met == 0 && tried < 5 {
            tried += 1
            let at = 1 + random.below(Self.daemonCalls[fault.name] ?? 12)
            let what = "\(fault.name):\(at):\(fault.error)"
            let shop = try Workshop()
            let sign = shop.root + "-met"
            try drop(into: shop)
            let daemon = try shop.daemon([
                "LD_PRELOAD": RecordedChanges.interposer ?? "", "HONE_IO_ROOT": shop.root, "HONE_IO_FAULT": what,
                "HONE_IO_MET": sign,
            ])
            // It may go on, give up or wait for better times; whatever it does, nothing is lost.
            for _ in 0..<40 where daemon.process.isRunning { try await Task.sleep(for: .milliseconds(100)) }
            daemon.kill(SIGTERM)
            _ = try? await daemon.wait(seconds: 60)
            let (status, log) = try await shop.settle()
            let story: Comment = "\(what): \(daemon.standardError.suffix(2000))\nand then\n\(log.suffix(2000))"
            #expect(status == 0, story)
            let unsuccessful = try shop.query("SELECT count(*) FROM jobs WHERE state <> 'succeeded'")
            try #require(unsuccessful == "0", story)
            try shop.check(["lm", "align"], equal: expected, at)
            met += shop.removeSign(sign)
        }
        #expect(met > 0, "no \(fault.name) failed")
    }
}

extension Workshop {
    /// 1 if the interposer said that its fault was met.
    fileprivate func removeSign(_ path: String) -> Int { unlink(path) == 0 ? 1 : 0 }
}

/// A root on which losses of power are staged.
///
/// A disk keeps the inodes of its files, and the daemon knows files again by them: dropped files are moved, not copied,
/// and artifacts, which other jobs have as inputs, are links to those of the recorded run.
final class CrashStage {
    private let shop: Workshop
    private let places = ["jobs", "runs", "db"]
    private var drops: [(name: String, inode: UInt64, bytes: [UInt8])] = []
    private var stash: [Int: String] = [:]
    /// What the recorded run published, by path: where a link to it lies, and its content.
    private var artifacts: [String: (link: String, bytes: [UInt8])] = [:]

    init(_ shop: Workshop) throws {
        self.shop = shop
        try makeDirectory("\(shop.root)/stash")
        for (index, name) in shop.names(in: "jobs").filter({ $0.hasSuffix(".yaml") }).enumerated() {
            var status = stat()
            stat("\(shop.root)/jobs/\(name)", &status)
            drops.append(("jobs/\(name)", UInt64(status.st_ino), try readFile("\(shop.root)/jobs/\(name)")))
            stash[index + 1] = "\(shop.root)/stash/\(name)"
        }
    }

    /// Runs the jobs once and writes down every change.
    func record() async throws -> RecordedChanges {
        let log = "\(shop.root)-changes"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let variables = "LD_PRELOAD='\(RecordedChanges.interposer ?? "")' HONE_IO_ROOT='\(shop.root)' HONE_IO_LOG='\(log)'"
        let worker = try shop.script("\(variables) exec '\(Programs.worker)' \"$@\"")
        let daemon = try shop.daemon(
            ["LD_PRELOAD": RecordedChanges.interposer ?? "", "HONE_IO_ROOT": shop.root, "HONE_IO_LOG": log],
            ["--until-idle", "--worker", worker])
        let status = try await daemon.wait()
        try #require(status == 0, "\(daemon.standardError)")
        try takeBack()
        try keepArtifacts()
        return try RecordedChanges(log, root: shop.root)
    }

    private func keepArtifacts() throws {
        for run in shop.names(in: "runs") {
            for file in shop.names(in: "runs/\(run)/artifacts") {
                let name = "runs/\(run)/artifacts/\(file)"
                guard fileKind("\(shop.root)/\(name)") == .file else { continue }
                let safe = "\(shop.root)/stash/\(run)-\(file)"
                try #require(link("\(shop.root)/\(name)", safe) == 0, "\(name)")
                artifacts[name] = (safe, try readFile(safe, limit: 1 << 30))
            }
        }
        try #require(!artifacts.isEmpty)
    }

    /// Brings the dropped files from where the last run left them to the stash.
    func takeBack() throws {
        for (index, drop) in drops.enumerated() {
            guard let safe = stash[index + 1] else { continue }
            for directory in ["jobs", "jobs/accepted"] {
                for name in shop.names(in: directory) where name.hasSuffix(lastComponent(drop.name)) {
                    rename("\(shop.root)/\(directory)/\(name)", safe)
                }
            }
        }
    }

    /// Makes the root look as a loss of power after these changes would leave it.
    func build(
        _ changes: ArraySlice<RecordedChanges.Change>, _ loss: DiskModel.Loss, _ random: inout SplitMix64
    ) throws {
        var disk = DiskModel(drops, directories: ["jobs", "runs", "db"])
        for change in changes { disk.apply(change) }
        for place in places {
            try removeTree("\(shop.root)/\(place)")
            try makeDirectory("\(shop.root)/\(place)")
        }
        for (name, file) in disk.image(loss, &random) where places.contains(String(name.prefix { $0 != "/" })) {
            let path = "\(shop.root)/\(name)"
            guard let file else {
                try makeDirectory(path)
                continue
            }
            try makeDirectory(parentDirectory(path))
            if let stashed = stash[file.number] {
                try #require(rename(stashed, path) == 0, "\(path)")
            } else if let kept = artifacts[name], kept.bytes == file.bytes {
                try #require(link(kept.link, path) == 0, "\(path)")
            } else {
                try Data(file.bytes).write(to: URL(filePath: path))
            }
        }
    }
}
