import ArgumentParser
import JobModel

struct Queue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List jobs as `hone ls` does; show and change the queues.",
        discussion: """
            The queues are those of hone.yaml and `default`. A job names one with `queue:`.

              hone queue                       # the jobs, as hone ls
              hone queue ls                    # the queues, their limits and how full they are
              hone queue set night --max-running 2 --max-cpus 8
            """,
        subcommands: [QueueJobs.self, QueueList.self, QueueSet.self], defaultSubcommand: QueueJobs.self)
}

struct QueueJobs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "The jobs, as `hone ls` lists them (the default).",
        discussion: "  hone queue --all --limit 20")

    @OptionGroup var listing: Ls

    func run() async throws { try await listing.run() }
}

struct QueueList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "The queues, their limits and how full they are.",
        discussion: "  hone queue ls --json")

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() throws {
        let queues = try askingDaemon { try DaemonClient(root.place).get([QueueRecord].self, "/v1/queues") }
        try show(queues, output)
    }
}

struct QueueSet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change the limits of a queue at once; what runs goes on.",
        discussion: """
            It holds until it is set again, also over restarts of the daemon. --reset goes back to hone.yaml. It takes \
            root, the user of the daemon, or a group of admin_groups.

              hone queue set night --max-running 2 --max-cpus 8
              hone queue set default --max-running 0      # nothing more starts from this queue
              hone queue set default --reset
            """)

    @Argument(help: "Its name.")
    var queue: String

    @Option(help: ArgumentHelp("Jobs that may run at a time.", valueName: "n"))
    var maxRunning: Int?

    @Option(help: ArgumentHelp("Cores that its jobs may hold at a time.", valueName: "n"))
    var maxCpus: Int?

    @Option(help: ArgumentHelp("Added to the priority of its jobs.", valueName: "n"))
    var priority: Int?

    @Flag(help: "As hone.yaml has it.")
    var reset = false

    @OptionGroup var silence: QuietOption
    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    private var settings: QueueSettings {
        QueueSettings(maxRunning: maxRunning, maxCpus: maxCpus, priority: priority)
    }

    func validate() throws {
        guard settings.isEmpty == reset else {
            throw ValidationError("expected one of --max-running, --max-cpus and --priority, or --reset alone")
        }
    }

    func run() throws {
        let path = "/v1/queues/\(DaemonClient.segment(queue))" + (reset ? "/reset" : "")
        let queues = try askingDaemon {
            try DaemonClient(root.place).post([QueueRecord].self, path, reset ? [] : JSONCoding.encode(settings))
        }
        if !silence.quiet || output.json { try show(queues.filter { $0.name == queue }, output) }
    }
}

private func show(_ queues: [QueueRecord], _ output: JSONOption) throws {
    if output.json { return try printJSON(queues) }
    var table = Table([
        ("QUEUE", .left), ("RUNNING", .right), ("OF", .right), ("CPUS", .right), ("PRIORITY", .right),
        ("WAITING", .right), ("HELD", .right), ("", .left),
    ])
    for queue in queues {
        func count(_ states: JobState...) -> String { "\(states.reduce(0) { $0 + (queue.jobs[$1.rawValue] ?? 0) })" }
        func limit(_ number: Int?) -> String { number.map(String.init) ?? "-" }
        let cells = [
            queue.name, count(.starting, .running, .stopping), limit(queue.settings.maxRunning),
            limit(queue.settings.maxCpus), "\(queue.settings.priority ?? 0)", count(.queued, .blocked, .backoff),
            count(.held), queue.isChanged ? "set, unlike hone.yaml" : "",
        ]
        table.add(cells.map { Table.Cell($0) })
    }
    table.print()
}
