import ArgumentParser
import Glibc
import JobModel
import Supervision

/// A listing that stays on the screen and follows the queue.
struct LiveTable {
    let root: Root
    var all = false
    var limit = 1000
    /// Lines above the jobs.
    var header: () -> [String] = { [] }

    /// Shows jobs until `isEnough`. What has ended since the beginning stays in sight.
    func run(until isEnough: ([JobLine]) -> Bool) async throws {
        var seen: [Int64] = []
        var height = 0
        while true {
            // A new look each time: the daemon may start or stop meanwhile.
            let view = try QueueView(root)
            let current = try view.lines(all: all, limit: limit)
            let ended = seen.filter { id in !current.contains { $0.id == id } }
            let jobs = (current + (try view.lines(of: ended))).sorted { $0.id > $1.id }
            seen = jobs.map(\.id)
            height = show(jobs, over: height)
            if isEnough(jobs) { return }
            try await Task.sleep(for: Terminal.isScreen ? .seconds(1) : .seconds(5))
        }
    }

    /// Replaces the last picture on a screen; elsewhere pictures follow each other. Gives the height of the new one.
    private func show(_ jobs: [JobLine], over height: Int) -> Int {
        let lines = header() + (jobs.isEmpty ? ["nothing waits or runs"] : Table(jobs: jobs, barWidth: 20).lines)
        guard Terminal.isScreen else {
            lines.forEach(Terminal.say)
            return 0
        }
        // A line that wraps, or a picture higher than the screen, could not be replaced.
        let visible = lines.prefix(Terminal.height - 1)
        let back = height > 0 ? "\u{1B}[\(height)A" : ""
        Terminal.write("\u{1B}[?7l\(back)\u{1B}[J" + visible.joined(separator: "\n") + "\n\u{1B}[?7h", to: 1)
        return visible.count
    }
}

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Follow the queue: a table with progress bars, until Ctrl-C.",
        discussion: """
              hone watch
              hone watch --until-idle      # ends when nothing waits or runs
            """)

    @Flag(help: "End when nothing waits or runs.")
    var untilIdle = false

    @Flag(name: [.short, .long], help: "Also the jobs that have ended.")
    var all = false

    @OptionGroup var root: RootOption

    func run() async throws {
        try await LiveTable(root: root.place, all: all).run { jobs in
            untilIdle && jobs.allSatisfy { $0.state.isFinished || $0.state == .held }
        }
    }
}
