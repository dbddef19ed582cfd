import ArgumentParser
import DurableFiles
import Foundation
import Glibc
import JobModel
import Supervision

struct Submit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hand job files to the daemon.",
        discussion: """
            Checks each file, then puts it into the drop directory by rename, so that the daemon never sees half of it. \
            A running daemon looks at once and answers with the job's number, or with what is wrong (exit status 5). \
            Without one the file waits.

              hone submit job.yaml
              hone submit --root ~/hone pretrain.yaml align.yaml
              hone wait $(hone submit --quiet job.yaml)
            """)

    @Argument(help: ArgumentHelp("Job files.", valueName: "file"))
    var files: [String]

    @Flag(help: "Only check, submit nothing.")
    var dryRun = false

    @Flag(name: [.short, .long], help: "Print the number of each job and nothing else.")
    var quiet = false

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    fileprivate struct Submitted: Encodable {
        let file: String
        let outcome: DropAnswer.Outcome
        let job: Int64?
        let name: String
        let reason: String?
    }

    func run() throws {
        let found = try files.map { try SpecificationFile.read($0) }
        for file in found where !file.spec.method.isImplemented {
            Terminal.complain("\(file.path): error: this build cannot run method \(file.spec.method.rawValue)")
            throw ExitCode.refused
        }
        let spool = root.place.spool
        guard fileKind(spool) == .directory else {
            Terminal.complain(
                "\(spool): no such directory, so there is nowhere to submit to. It is made when honed first starts: "
                    + "systemctl start honed, or honed --root DIR")
            throw ExitCode.noDaemon
        }
        if dryRun { return found.forEach { Terminal.say("\($0.path): would be submitted to \(spool)") } }
        // All are dropped before the first answer is waited for: a job may wait for one named after it.
        let dropped = try found.map { (file: $0, drop: try drop($0, into: spool)) }
        let answers = dropped.map { Submitted($0.file, outcome(of: $0.drop)) }
        if output.json { try printJSON(answers) } else { answers.forEach(report) }
        if answers.contains(where: { $0.outcome == .rejected }) { throw ExitCode.refused }
    }

    /// What a running daemon makes of a dropped file; it waits where there is none, or where the daemon does not say.
    private func outcome(of drop: DropRequest) -> DropAnswer {
        do {
            return try DaemonClient(root.place).post(DropAnswer.self, "/v1/drops", JSONCoding.encode(drop))
        } catch let error as DaemonClient.Unreachable where error.isAbsent {
            return DropAnswer(outcome: .waiting)
        } catch {
            Terminal.complain("\(error)".escapingControlCharacters)
            return DropAnswer(outcome: .waiting)
        }
    }

    private func report(_ answer: Submitted) {
        let job = answer.job.map(String.init) ?? ""
        switch answer.outcome {
        case .accepted: Terminal.say(quiet ? job : "job \(job) \(answer.name)")
        case .duplicate: Terminal.say(quiet ? job : "job \(job) \(answer.name), which is there already")
        case .rejected:
            Terminal.complain("\(answer.file): rejected\n\((answer.reason ?? "").split(separator: "\n").map { $0.description.escapingControlCharacters }.joined(separator: "\n"))")
        case .waiting:
            let text = "submitted \(answer.name): \(answer.file) waits to be taken in by honed"
            if quiet { Terminal.complain(text) } else { Terminal.say(text) }
        }
    }

    /// What the daemon knows the file by. Its inode is looked up before the rename: a moment later it may be gone.
    private func drop(_ file: SpecificationFile, into spool: String) throws -> DropRequest {
        let name = lastComponent(file.path)
        let stamp = "\(UInt64(Date().timeIntervalSince1970 * 1000))-\(ProcessInfo.processInfo.processIdentifier)"
        let hidden = "\(spool)/.\(stamp)-\(name)"
        let dropped = freeName(name, stamp, in: spool)
        do {
            try durableCreate(file.bytes, at: hidden)
            // The daemon is another user and reads it through the group, whatever the umask of this one.
            chmod(hidden, 0o640)
            var status = stat()
            guard stat(hidden, &status) == 0 else { throw FileError.last("stat", hidden) }
            try durableRename(hidden, to: dropped)
            return DropRequest(name: lastComponent(dropped), inode: Int64(bitPattern: UInt64(status.st_ino)))
        } catch let error as FileError {
            Terminal.complain("\(error)")
            throw ExitCode.refused
        }
    }

    /// Two files of one name may be on their way at once.
    private func freeName(_ name: String, _ stamp: String, in spool: String) -> String {
        fileKind("\(spool)/\(name)") == .missing ? "\(spool)/\(name)" : "\(spool)/\(stamp)-\(name)"
    }
}

extension Submit.Submitted {
    fileprivate init(_ file: SpecificationFile, _ answer: DropAnswer) {
        self.init(
            file: file.path, outcome: answer.outcome, job: answer.job, name: answer.name ?? file.spec.name,
            reason: answer.reason)
    }
}
