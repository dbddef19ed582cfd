import ArgumentParser
import JobModel

struct Clean: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove checkpoints and artifacts of jobs that ended long ago.",
        discussion: """
            Of your own jobs; root, the user of the daemon and the groups of admin_groups clean everybody's. \
            Specifications, results, metrics and logs stay, and everything of jobs that others wait for or that are \
            quarantined. A job that was cleaned can be tried again, but begins at its first step.

              hone clean --dry-run
              hone clean --older 7d --keep-artifacts
            """)

    @Option(help: ArgumentHelp("Only of jobs that ended this long ago.", valueName: "duration"))
    var older = "30d"

    @Flag(help: "Models that jobs have published stay.")
    var keepArtifacts = false

    @Flag(help: "Only say what would be removed.")
    var dryRun = false

    @OptionGroup var silence: QuietOption
    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() throws {
        guard let age = Milliseconds(older), age.value >= 0 else {
            throw ValidationError("--older: expected a duration such as 30d, found \"\(older)\"")
        }
        let request = CleanRequest(olderMs: age.value, keepArtifacts: keepArtifacts, dryRun: dryRun)
        let answer = try askingDaemon {
            try DaemonClient(root.place).post(
                CleanAnswer.self, "/v1/clean", JSONCoding.encode(request), patience: DaemonClient.measuringPatience)
        }
        if output.json { return try printJSON(answer) }
        for reason in answer.kept { Terminal.complain("kept: \(reason.escapingControlCharacters)") }
        if silence.quiet { return }
        let what = "\(ByteSize(answer.bytes)) of \(answer.jobs.count) jobs"
        Terminal.say(dryRun ? "would remove \(what)" : "removed \(what)")
    }
}
