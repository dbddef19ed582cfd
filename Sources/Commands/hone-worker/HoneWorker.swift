import ArgumentParser
import Glibc
import JobModel

/// The engine as a process: one attempt at a job, or one question to a model.
@main
struct HoneWorker: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hone-worker", abstract: "Runs one attempt at a job. Started by honed and hone.",
        version: programBuild, subcommands: [
            AttemptCommand.self, PlanCommand.self, Score.self, Generate.self, Importance.self, Inspect.self,
            Compress.self, Ask.self,
        ],
        defaultSubcommand: AttemptCommand.self)

    static func main() {
        MatrixKernels.chooseBeforeLoading()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch where exitCode(for: error) == .validationFailure {
            // `hone generate` becomes this program, and its exit status for a wrong command line is 2.
            complain(fullMessage(for: error))
            exit(withError: ExitCode(2))
        } catch {
            exit(withError: error)
        }
    }
}
