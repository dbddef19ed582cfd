import JobModel
import ArgumentParser
import DurableFiles
import Glibc
import Supervision

struct Log: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the log of a job's worker.",
        discussion: """
              hone log smol-ti-dpo -f
              hone log 42 --attempt 3
            """)

    @Argument(help: ArgumentHelp("Number or name.", valueName: "job"))
    var job: String

    @Flag(name: [.short, .long], help: "Go on as it grows, into the next attempts, until the job has ended.")
    var follow = false

    @Option(help: ArgumentHelp("Which attempt (default: the newest).", valueName: "n"))
    var attempt: Int64?

    @OptionGroup var root: RootOption

    func run() async throws {
        let run = try root.place.existingRun(job)
        var shown = attempt ?? run.newestAttempt
        guard shown > 0 else {
            Terminal.complain("job \(job) has no log, as no worker has run for it; hone why \(job) says why")
            throw ExitCode.noSuchJob
        }
        var file = FollowedFile(run.log(attempt: shown))
        try file.printNew()
        while follow, fileKind(run.result) == .missing {
            try await Task.sleep(for: .milliseconds(300))
            try file.printNew()
            if attempt == nil, run.newestAttempt > shown {
                shown = run.newestAttempt
                Terminal.complain("-- attempt \(shown)".styled(.faint))
                file = FollowedFile(run.log(attempt: shown))
            }
        }
        try file.printNew()
    }
}
