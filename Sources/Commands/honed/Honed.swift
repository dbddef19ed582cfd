import ArgumentParser
import Glibc
import JobModel
import Supervision
import Systemd

/// The daemon: watches a directory for job files, queues them, and runs them in worker processes.
@main
struct Honed: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "honed",
        abstract: "Watches a directory for training jobs, queues them, and runs them on this machine.",
        discussion: """
            Exit status: 0 stopped as asked, or all jobs succeeded with --until-idle; 1 with --until-idle, some job \
            did not succeed; 69 another daemon works on this root; 78 the configuration, the database or the installation \
            is not usable.
            """,
        version: programBuild,
        subcommands: [Run.self, CheckConfig.self, Reload.self], defaultSubcommand: Run.self)
}

/// Which directory a command works on.
struct RootOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Keep everything under DIR (default: $HONE_ROOT, else the system's directories).", valueName: "dir"))
    var root: String?

    /// The places.
    var place: Root { .named(root) }
}

/// The exit codes that systemd and people know.
extension ExitCode {
    /// Another daemon works on this root.
    static let unavailable = ExitCode(69)
    /// Something only a person can mend.
    static let notConfigured = ExitCode(78)
}

/// The configuration of a root with the origin of each value; its errors go to standard error.
func checkedConfiguration(_ root: Root) throws -> (Configuration, origins: [String: String]) {
    do {
        return try Configuration.load(root)
    } catch {
        complain(error.description)
        throw ExitCode.notConfigured
    }
}

/// The environment of this process.
let environment: [String: String] = {
    var result: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
        let parts = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        result[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
        next += 1
    }
    return result
}()

/// Writes lines for people to standard error.
func complain(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}
