import ArgumentParser
import DurableFiles
import JobModel
import Supervision

struct Submit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hand job files to the daemon.",
        discussion: """
            Checks each file, then puts it into the drop directory by rename, so that the daemon never sees half of it. \
            A running daemon looks at once and answers with the job's number, or with what is wrong (exit status 5). \
            Without one the file waits.

            With --wait the exit status is that of the jobs: 0 all succeeded, 1 one did not; Ctrl-C ends the waiting, not \
            the jobs.

              hone submit job.yaml
              hone submit --root ~/hone pretrain.yaml align.yaml
              hone submit --key table3-row7 job.yaml     # typed again, it is the same job
              hone submit --wait job.yaml && hone show align
              hone submit --dry-run job.yaml             # would it start now, and if not, why
            """)

    @Argument(help: ArgumentHelp("Job files.", valueName: "file"))
    var files: [String]

    @Flag(help: "Submit nothing: check, and say whether and when it would start.")
    var dryRun = false

    @Flag(help: "Keep the jobs from starting until hone release.")
    var hold = false

    @Option(
        help: ArgumentHelp(
            "The idempotency_key of the job: submitted again with the same key, it is the job there is.",
            valueName: "key"))
    var key: String?

    @Flag(help: "Wait until the jobs have ended; their outcome is the exit status.")
    var wait = false

    @Flag(name: [.short, .long], help: "Print the number of each job and nothing else.")
    var quiet = false

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    /// What became of a file, for programs.
    fileprivate struct Submitted: Encodable {
        let file: String
        let outcome: DropAnswer.Outcome
        let job: Int64?
        let name: String
        let reason: String?
        /// How its job ended; only there after waiting.
        var state: JobState?
    }

    func validate() throws {
        guard key == nil || files.count == 1 else {
            throw ValidationError("--key names one job, and \(files.count) files were given")
        }
        guard !dryRun || !wait else { throw ValidationError("--dry-run submits nothing that could be waited for") }
    }

    func run() async throws {
        let found = try files.map { try SpecificationFile.read($0).with(hold: hold, key: key) }
        if let missing = found.lazy.compactMap(\.missingMethod).first {
            Terminal.complain(missing)
            throw ExitCode.refused
        }
        if dryRun { return try Forecasts(root: root.place, output: output).show(found) }
        let spool = root.place.spool
        guard fileKind(spool) == .directory else {
            Terminal.complain(
                "\(spool): no such directory, so there is nowhere to submit to. It is made when honed first starts: "
                    + "systemctl start honed, or honed --root DIR")
            throw ExitCode.noDaemon
        }
        // All are dropped before the first answer is waited for: a job may wait for one named after it.
        let dropped = try drop(found, into: spool)
        var answers = try dropped.map { Submitted($0.file, try outcome(of: $0.drop)) }
        if !output.json { answers.forEach(report) }
        let isRefused = answers.contains { $0.outcome == .rejected }
        let ended = try await wait && !isRefused ? self.ended(answers) : []
        for index in answers.indices { answers[index].state = ended.first { $0.id == answers[index].job }?.state }
        if output.json { try printJSON(answers) }
        if isRefused { throw ExitCode.refused }
        if wait { try JobsToWaitFor.judge(ended, isShown: !quiet && !output.json) }
    }

    /// Drops all; says which are there when one cannot be.
    private func drop(_ files: [SpecificationFile], into spool: String) throws -> [(file: SpecificationFile, drop: Drop)] {
        var dropped: [(file: SpecificationFile, drop: Drop)] = []
        for file in files {
            do {
                dropped.append((file, try Drop(file, into: spool)))
            } catch {
                for earlier in dropped {
                    Terminal.complain("\(earlier.file.path): submitted before that; it will run (hone ls)")
                }
                throw error
            }
        }
        return dropped
    }

    /// What a running daemon makes of a dropped file. It waits on the disk where there is none, or where the daemon does
    /// not say.
    private func outcome(of drop: Drop) throws -> DropAnswer {
        var answer = DropAnswer(outcome: .waiting)
        do {
            let client = DaemonClient(root.place)
            repeat {
                answer = try client.post(DropAnswer.self, "/v1/drops", JSONCoding.encode(drop.request))
            } while wait && answer.outcome == .waiting
        } catch let error as DaemonClient.Unreachable where error.isAbsent {
        } catch {
            Terminal.complain("\(error)".escapingControlCharacters)
        }
        if answer.outcome == .waiting { try drop.force() }
        return answer
    }

    /// Waits for the end of all of them.
    private func ended(_ answers: [Submitted]) async throws -> [JobLine] {
        guard answers.allSatisfy({ $0.outcome != .waiting }) else {
            Terminal.complain(
                "nobody takes the files in, so there is no end to wait for; is honed running? hone info tells")
            throw ExitCode.noDaemon
        }
        let jobs = JobsToWaitFor(root: root.place, jobs: answers.compactMap(\.job))
        return try await jobs.ended(any: false, timeout: nil)
    }

    private func report(_ answer: Submitted) {
        let job = answer.job.map(String.init) ?? ""
        switch answer.outcome {
        case .accepted: Terminal.say(quiet ? job : "job \(job) \(answer.name)")
        case .duplicate: Terminal.say(quiet ? job : "job \(job) \(answer.name), which is there already")
        case .rejected:
            let lines = (answer.reason ?? "").split(separator: "\n").map { $0.description.escapingControlCharacters }
            Terminal.complain("\(answer.file): rejected\n\(lines.joined(separator: "\n"))")
        case .waiting:
            let text = "submitted \(answer.name): \(answer.file) waits to be taken in by honed"
            if quiet { Terminal.complain(text) } else { Terminal.say(text) }
        }
    }
}

extension Submit.Submitted {
    fileprivate init(_ file: SpecificationFile, _ answer: DropAnswer) {
        self.init(
            file: file.path, outcome: answer.outcome, job: answer.job, name: answer.name ?? file.spec.name,
            reason: answer.reason)
    }
}
