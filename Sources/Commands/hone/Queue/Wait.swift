import ArgumentParser
import JobModel
import Supervision

struct Wait: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Wait until jobs have ended.",
        discussion: """
            Exit status: 0 all succeeded; 1 one did not, or the time was over.

              hone wait pretrain align && hone show align
              hone wait 41 42 --any --timeout 2h
            """)

    @Argument(help: ArgumentHelp("Numbers or names.", valueName: "job"))
    var jobs: [String]

    @Flag(help: "Until the first of them has ended.")
    var any = false

    @Option(
        help: ArgumentHelp("Give up after this time, such as 90s or 2h.", valueName: "duration"), transform: duration)
    var timeout: Milliseconds?

    @OptionGroup var silence: QuietOption
    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() async throws {
        let ids = try jobs.map { try QueueView(root.place).number(of: $0) }
        let ended = try await JobsToWaitFor(root: root.place, jobs: ids).ended(any: any, timeout: timeout)
        if output.json { try printJSON(ended) }
        try JobsToWaitFor.judge(ended, isShown: !silence.quiet && !output.json)
    }
}

/// Jobs whose end somebody waits for.
struct JobsToWaitFor {
    let root: Root
    let jobs: [Int64]

    /// Those that have ended when all of them have, or the first; ends the command with 1 when the time is over.
    func ended(any: Bool, timeout: Milliseconds?) async throws -> [JobLine] {
        let begin = ContinuousClock.now
        while true {
            // A new look each time: the daemon may start or stop meanwhile.
            let lines = try QueueView(root).lines(of: jobs)
            let ended = lines.filter(\.state.isFinished)
            if ended.count == lines.count || (any && !ended.isEmpty) { return ended }
            if let timeout, begin.duration(to: .now) > .milliseconds(timeout.value) {
                let open = lines.filter { !$0.state.isFinished }.map { "\($0.id) (\($0.state.rawValue))" }
                Terminal.complain("not ended after \(timeout): \(open.joined(separator: ", "))")
                throw ExitCode.jobFailed
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    /// Ends the command with 1 unless all of them succeeded.
    static func judge(_ ended: [JobLine], isShown: Bool) throws {
        for job in isShown ? ended : [] {
            let why = job.state == .succeeded ? "" : job.why.map { ": \($0.escapingControlCharacters)" } ?? ""
            Terminal.say("job \(job.id) \(job.name) \(job.style.map { job.state.rawValue.styled($0) } ?? "")\(why)")
        }
        if ended.contains(where: { $0.state != .succeeded }) { throw ExitCode.jobFailed }
    }
}

private func duration(_ text: String) throws -> Milliseconds {
    guard let duration = Milliseconds(text) else {
        throw ValidationError("expected a duration such as 90s, 10min or 2h, found \"\(text)\"")
    }
    return duration
}
