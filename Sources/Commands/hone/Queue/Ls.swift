import ArgumentParser

struct Ls: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List jobs, newest first.",
        discussion: """
            Without --all: what waits, runs or needs somebody's attention.

              hone ls
              hone ls --all --limit 20
              hone ls --json --all
              hone cancel $(hone ls --quiet)
            """)

    @Flag(name: [.short, .long], help: "Also those that have ended.")
    var all = false

    @Option(help: ArgumentHelp("At most this many.", valueName: "n"))
    var limit = 1000

    @Flag(help: "Keep the list on the screen, as `hone watch` does.")
    var watch = false

    @Flag(name: [.short, .long], help: "Print the numbers and nothing else.")
    var quiet = false

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() async throws {
        if watch { return try await LiveTable(root: root.place, all: all, limit: limit).run(until: { _ in false }) }
        let view = try QueueView(root.place)
        let lines = try view.lines(all: all, limit: limit)
        if output.json { return try printJSON(lines) }
        if quiet { return lines.forEach { Terminal.say("\($0.id)") } }
        if !view.isComplete { Terminal.complain("the database cannot be read; this is what the run directories tell") }
        if lines.isEmpty {
            Terminal.say(all ? "no jobs" : "nothing waits or runs; hone ls --all lists what has ended")
        } else {
            Table(jobs: lines).print()
        }
    }
}
