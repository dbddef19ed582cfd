import ArgumentParser
import JobModel
import JobQueue

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What happened in the queue, oldest first.",
        discussion: """
              hone events --job 42
              hone events --follow --json      # one object per line; its sequence is where --after goes on
            """)

    @Option(help: ArgumentHelp("Only about this job.", valueName: "job"))
    var job: String?

    @Option(
        help: ArgumentHelp(
            "Only those after this number (default: the last 100, or all of one job).", valueName: "number"))
    var after: Int64?

    @Flag(name: [.short, .long], help: "Go on with what happens from now on.")
    var follow = false

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() throws {
        let view = try QueueView(root.place)
        let number = try job.map(view.number(of:))
        // The events of one job are few; of all, the newest hundred are a beginning.
        let start = after ?? (number == nil ? -100 : 0)
        if view.isLive { return try fromDaemon(number, after: start) }
        guard !follow else {
            Terminal.complain("events to come are told by a running daemon, and there is none")
            throw ExitCode.noDaemon
        }
        var cursor = start
        while true {
            let page = try view.events(of: number, after: cursor, limit: Self.page)
            for event in page { try show(event) }
            guard page.count == Self.page, let last = page.last else { return }
            cursor = last.sequence
        }
    }

    private static let page = 10_000

    private func fromDaemon(_ number: Int64?, after start: Int64) throws {
        let scope = number.map { "&job=\($0)" } ?? ""
        let target = "/v1/events?after=\(start)\(scope)\(follow ? "&follow" : "")"
        try askingDaemon {
            try DaemonClient(root.place).lines(target, patience: follow ? nil : DaemonClient.patience) {
                try show(JSONCoding.decode(QueueEvent.self, from: Array($0.utf8)))
            }
        }
    }

    private func show(_ event: QueueEvent) throws {
        if output.json { return try printJSON(event) }
        let subject = event.job.map { "job \($0)" } ?? "queue"
        let move = event.to.map { "\(event.from.map { "\($0.rawValue) -> " } ?? "")\($0.rawValue)" } ?? ""
        let words = [event.time.description, subject, event.type, move, "by \(event.actor)", event.data ?? ""]
        Terminal.say(words.filter { !$0.isEmpty }.joined(separator: "  ").escapingControlCharacters)
    }
}
