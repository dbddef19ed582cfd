import ArgumentParser
import JobModel

/// What every command takes that changes jobs.
struct ChangeOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("Numbers or names.", valueName: "job"))
    var jobs: [String]

    @OptionGroup var silence: QuietOption
    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    /// Asks the daemon for each job. All are tried; the exit status is that of the first that was refused.
    func change(_ target: String, _ body: [UInt8] = []) throws {
        let client = DaemonClient(root.place)
        var answers: [ControlAnswer] = []
        var failure: (any Error)?
        for job in jobs {
            do {
                let path = "/v1/jobs/\(DaemonClient.segment(job))/\(target)"
                let answer = try askingDaemon { try client.post(ControlAnswer.self, path, body) }
                answers.append(answer)
                if !output.json && !silence.quiet { Terminal.say(answer.line) }
            } catch {
                failure = failure ?? error
                if error as? ExitCode == .noDaemon { break }
            }
        }
        if output.json { try printJSON(answers) }
        if let failure { throw failure }
    }
}

extension ControlAnswer {
    /// For people.
    var line: String { "job \(job) \(name) (\(state.rawValue)): \(message)" }
}

/// A command that asks for one thing for each job.
protocol JobVerbCommand: ParsableCommand {
    static var verb: JobVerb { get }
    var options: ChangeOptions { get }
}

extension JobVerbCommand {
    func run() throws { try options.change(Self.verb.rawValue) }
}

struct Cancel: JobVerbCommand {
    static let verb = JobVerb.cancel
    static let configuration = CommandConfiguration(
        abstract: "End jobs; what runs saves its last step first.",
        discussion: "  hone cancel 42 smol-dpo        # hone retry 42 would go on from the last checkpoint",
        aliases: ["scancel"])
    @OptionGroup var options: ChangeOptions
}

struct Hold: JobVerbCommand {
    static let verb = JobVerb.hold
    static let configuration = CommandConfiguration(
        abstract: "Keep waiting jobs from starting.", discussion: "A running job is refused; hone pause stops it.")
    @OptionGroup var options: ChangeOptions
}

struct Release: JobVerbCommand {
    static let verb = JobVerb.release
    static let configuration = CommandConfiguration(abstract: "Let held jobs go.")
    @OptionGroup var options: ChangeOptions
}

struct Pause: JobVerbCommand {
    static let verb = JobVerb.pause
    static let configuration = CommandConfiguration(
        abstract: "Save and stop jobs, and keep them held until hone resume.")
    @OptionGroup var options: ChangeOptions
}

struct Resume: JobVerbCommand {
    static let verb = JobVerb.resume
    static let configuration = CommandConfiguration(abstract: "Let paused jobs go on.")
    @OptionGroup var options: ChangeOptions
}

struct Retry: JobVerbCommand {
    static let verb = JobVerb.retry
    static let configuration = CommandConfiguration(
        abstract: "Try jobs again that ended without success, or that wait after a failure.",
        discussion: "They go on from their newest checkpoint.")
    @OptionGroup var options: ChangeOptions
}

struct Stop: JobVerbCommand {
    static let verb = JobVerb.stop
    static let configuration = CommandConfiguration(
        abstract: "Save and stop running jobs; they wait for their next turn.")
    @OptionGroup var options: ChangeOptions
}

struct Checkpoint: JobVerbCommand {
    static let verb = JobVerb.ckpt
    static let configuration = CommandConfiguration(
        commandName: "ckpt", abstract: "Make running jobs save a checkpoint and go on.")
    @OptionGroup var options: ChangeOptions
}

struct Prio: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Change the priority of jobs.",
        discussion: """
            From -1000 to 1000; larger goes first.

              hone prio 50 42 smol-dpo
              hone prio -- -10 42
            """)

    @Argument(help: "The new priority.")
    var priority: Int

    @OptionGroup var options: ChangeOptions

    func run() throws { try options.change("prio", JSONCoding.encode(PriorityRequest(priority: priority))) }
}
