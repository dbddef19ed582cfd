import ArgumentParser
import JobModel

struct Why: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say why a job does not run, or how it ended.",
        discussion: """
              hone why pwc-qa
              hone why 42 --json           # for programs: one object whose key names the kind of reason
            """)

    @Argument(help: ArgumentHelp("Number or name.", valueName: "job"))
    var job: String

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    private struct Answer: Encodable {
        let job: Int64
        let state: JobState
        let reason: WaitReason?
    }

    func run() throws {
        let view = try QueueView(root.place)
        guard let line = try view.lines(of: [view.number(of: job)]).first else { throw ExitCode.noSuchJob }
        if output.json { return try printJSON(Answer(job: line.id, state: line.state, reason: line.reason)) }
        let why = line.why?.escapingControlCharacters ?? Self.usual(line.state)
        Terminal.say("job \(line.id) \(line.name) is \(line.state.rawValue): \(why)")
        switch line.state {
        case .failed, .quarantined, .backoff: Terminal.say("hone log \(line.id) shows what its worker said")
        default: break
        }
    }

    private static func usual(_ state: JobState) -> String {
        switch state {
        case .queued: "its turn has not come; is honed running? hone info tells"
        case .blocked: "it waits for other jobs or for its inputs"
        case .held: "it waits for a release"
        case .starting: "its worker is being started"
        case .running: "nothing is in its way"
        case .stopping: "its worker was asked to save and stop"
        case .backoff: "it waits before the next try"
        case .succeeded: "it is done"
        case .failed, .cancelled, .quarantined: "it has ended"
        }
    }
}
