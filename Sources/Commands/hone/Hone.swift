import ArgumentParser
import JobModel

/// What a person types.
@main
struct Hone: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hone",
        abstract: "Train language models on this machine: submit jobs, watch them, use what they made.",
        discussion: """
            A job is a YAML file. `hone run job.yaml` runs it here and now; `hone submit job.yaml` hands it to the \
            daemon.

            Exit status: 0 ok; 1 a job failed; 2 usage; 3 no such job; 4 the daemon is not running; 5 refused; \
            75 a run was stopped and its last step saved; 78 configuration.
            """,
        version: programBuild,
        subcommands: [],
        groupedSubcommands: [
            CommandGroup(name: "Jobs", subcommands: [Run.self, Submit.self, Validate.self, Methods.self]),
            CommandGroup(
                name: "What runs",
                subcommands: [
                    Ls.self, Show.self, Why.self, Watch.self, Top.self, Wait.self, Log.self, Metrics.self, Events.self,
                ]),
            CommandGroup(
                name: "Changing the queue",
                subcommands: [
                    Cancel.self, Hold.self, Release.self, Pause.self, Resume.self, Retry.self, Stop.self,
                    Checkpoint.self, Prio.self, Edit.self, Queue.self, Drain.self, Undrain.self,
                ]),
            CommandGroup(
                name: "Models",
                subcommands: [
                    Inspect.self, Generate.self, Compress.self, Ask.self, Score.self, Importance.self,
                ]),
            CommandGroup(
                name: "This machine",
                subcommands: [
                    Info.self, Doctor.self, Clean.self, Backup.self, Restore.self, Recover.self, Admin.self,
                ]),
        ])

    /// As ArgumentParser's own, but a wrong command line ends with 2, not 64.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch where exitCode(for: error) == .validationFailure {
            Terminal.complain(fullMessage(for: error))
            exit(withError: ExitCode.usage)
        } catch {
            exit(withError: error)
        }
    }
}

/// The exit codes of every command.
extension ExitCode {
    /// A job did not succeed.
    static let jobFailed = ExitCode(1)
    /// The command line is not right.
    static let usage = ExitCode(2)
    /// There is no such job.
    static let noSuchJob = ExitCode(3)
    /// The daemon does not answer.
    static let noDaemon = ExitCode(4)
    /// It was refused; the message says why.
    static let refused = ExitCode(5)
    /// Something about the installation is not right.
    static let configuration = ExitCode(78)
}
