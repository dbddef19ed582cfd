import ArgumentParser
import DurableFiles
import Foundation
import Glibc
import JobModel
import Supervision

struct Admin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "For those who look after a daemon.",
        discussion: """
            backup, doctor, restore and recover are the commands of the same names without `admin`.

              hone admin rescan
              hone admin check
              hone admin bundle 42 --output job-42.tar.gz
            """,
        subcommands: [Rescan.self, Check.self, Bundle.self, Backup.self, Doctor.self, Restore.self, Recover.self])
}

struct Rescan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at the drop directory now.",
        discussion: """
            The daemon scans every 30 seconds by itself, and at once when the kernel tells of a file.

              hone admin rescan
            """)

    @OptionGroup var silence: QuietOption
    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() throws {
        let record = try askingDaemon { try DaemonClient(root.place).post(DaemonRecord.self, "/v1/rescan") }
        if output.json { return try printJSON(record) }
        if !silence.quiet { Terminal.say("scanning; \(record.status)") }
    }
}

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Whether the daemon answers and can work.",
        discussion: """
            Exit status: 0 it can; 4 it does not answer; 5 it is degraded, and the answer says why.

              hone admin check
            """)

    @OptionGroup var root: RootOption

    func run() throws {
        let text = try askingDaemon { try DaemonClient(root.place).request("GET", "/readyz", patience: 5) }
        Terminal.write(String(decoding: text, as: UTF8.self), to: 1)
    }
}

struct Bundle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Collect what is known of a job into one file, to be shown to somebody else.",
        discussion: """
            Its specification, result, status, metrics, logs, events and what the queue knows; no checkpoint, no model, \
            no data. Needs tar.

              hone admin bundle 42
              hone admin bundle smol-dpo --output /tmp/job.tar.gz
            """)

    @Argument(help: ArgumentHelp("Number or name.", valueName: "job"))
    var job: String

    @Option(name: [.short, .long], help: ArgumentHelp("The file (default: hone-ID-NAME.tar.gz).", valueName: "file"))
    var output: String?

    @OptionGroup var root: RootOption

    func run() async throws {
        let view = try QueueView(root.place)
        let number = try view.number(of: job)
        let run = try root.place.existingRun("\(number)")
        let name = "hone-\(lastComponent(run.path))"
        let target = absolutePath(output ?? "\(name).tar.gz")
        guard fileKind(target) == .missing else {
            Terminal.complain("\(target) is there already; nothing is written over")
            throw ExitCode.refused
        }
        let scratch = FileManager.default.temporaryDirectory.appending(path: "hone-\(UUID().uuidString)").path
        try makeDirectory("\(scratch)/\(name)", mode: 0o700)
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        try collect(number, run, view, into: "\(scratch)/\(name)")
        try pack(name, in: scratch, to: target)
        Terminal.say(target)
    }

    private static let files = ["spec.json", "status.json", "result.json", "metrics.jsonl"]

    private func collect(_ number: Int64, _ run: RunDirectory, _ view: QueueView, into folder: String) throws {
        for file in Self.files where fileKind("\(run.path)/\(file)") == .file {
            try FileManager.default.copyItem(atPath: "\(run.path)/\(file)", toPath: "\(folder)/\(file)")
        }
        if fileKind("\(run.path)/log") == .directory {
            try FileManager.default.copyItem(atPath: "\(run.path)/log", toPath: "\(folder)/log")
        }
        if let details = try view.details(number) {
            try durableCreate(JSONCoding.encode(details), at: "\(folder)/job.json")
        }
        let events = try view.events(of: number, limit: 10_000).map { try JSONCoding.encode($0) + [UInt8(ascii: "\n")] }
        try durableCreate(Array(events.joined()), at: "\(folder)/events.jsonl")
    }

    private func pack(_ name: String, in folder: String, to target: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["tar", "-czf", target, "-C", folder, name]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            Terminal.complain("tar ended with \(process.terminationStatus); \(target) is not whole")
            unlink(target)
            throw ExitCode.refused
        }
    }
}
