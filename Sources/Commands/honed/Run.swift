import ArgumentParser
import ControlSocket
import DurableFiles
import Glibc
import JobQueue
import Logging
import Supervision
import Systemd

/// Runs the daemon in the foreground, under systemd or in a terminal: the same code.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run until told to stop (the default).")

    @OptionGroup var options: RootOptions

    @Flag(help: "Exit when nothing is left to do: 0 if all jobs succeeded, else 1.")
    var untilIdle = false

    @Flag(inversion: .prefixedNo, help: "Use the kernel's file events; without them the jobs directory is scanned.")
    var inotify = true

    @Option(help: "Where log lines go: journal, plain or terminal (default: what standard error is connected to).")
    var log: LogDestination?

    @Option(
        help: "The least important lines that are logged: debug, info, notice, warning or error.",
        transform: level(named:))
    var logLevel = Logger.Level.info

    @Option(help: ArgumentHelp("The worker program (default: beside honed, or in ../libexec/hone).", valueName: "path"))
    var worker: String?

    func run() async throws {
        let early = EarlyStop()
        let logger = makeLogger()
        let root = options.place
        do {
            let outcome = try await serve(root, logger, early)
            if outcome == .idle(allSucceeded: false) { throw ExitCode.failure }
        } catch let code as ExitCode {
            throw code
        } catch {
            logger.error("\(error)")
            throw ExitCode.notConfigured
        }
    }

    private func serve(_ root: Root, _ logger: Logger, _ early: EarlyStop) async throws -> Supervisor.Outcome {
        let configuration = try checkedConfiguration(root).0
        try root.prepare()
        guard let lock = try await DaemonLock.acquire(root, patience: .seconds(1)) else {
            logger.error("another daemon works on \(root.spool); only one can")
            throw ExitCode.unavailable
        }
        let outcome = try await supervise(root, configuration, logger, early)
        _ = consume lock
        return outcome
    }

    private func supervise(
        _ root: Root, _ configuration: Configuration, _ logger: Logger, _ early: EarlyStop
    ) async throws -> Supervisor.Outcome {
        let worker = try WorkerProgram.find(worker)
        let store = try openQueue(root, logger)
        let flags = WorkerEnvironment.processorFlags()
        let launcher = LocalLauncher(
            executable: worker, groups: takeOverGroups(root, logger), note: { logger.warning("\($0)") }
        ) { WorkerEnvironment.variables(run: $0, processorFlags: flags) }
        var parts = Supervisor.Parts(
            root: root, store: store, launcher: launcher, planner: PlanCache(WorkerPlanner(executable: worker)),
            logger: logger)
        parts.spool.usesInotify = inotify
        parts.untilIdle = untilIdle
        let supervisor = try Supervisor(parts, configuration: configuration)
        let control = ControlServer(
            path: root.socket, mode: root.isPrivate ? 0o600 : 0o660, desk: Desk(supervisor: supervisor, store: store),
            logger: logger)
        let outcome = try await Daemon.run(supervisor, logger: logger, control: control, early: early) {
            _ = try await store.backup(now: SystemTime().wall)
        }
        try await store.close()
        return outcome
    }

    /// Only the installed service was handed a group of its own; a daemon in a terminal would move into somebody else's.
    private func takeOverGroups(_ root: Root, _ logger: Logger) -> ControlGroups? {
        guard environment["INVOCATION_ID"] != nil else { return nil }
        let (groups, note) = ControlGroups.takeOver()
        groups?.sweep()
        logger.info("control groups: \(note)")
        return groups
    }

    private func openQueue(_ root: Root, _ logger: Logger) throws -> SQLiteJobStore {
        do {
            return try SQLiteJobStore.open(at: root.databaseFile, now: SystemTime().wall, traces: root.tracesOfJobs)
        } catch {
            logger.event(.databaseRefused, level: .critical, "\(error)")
            throw ExitCode.notConfigured
        }
    }

    private func makeLogger() -> Logger {
        let destination = log ?? .detect(environment: environment)
        return Logger(label: "honed") { _ in
            destination.handler(identifier: "honed", level: logLevel, environment: environment)
        }
    }
}

extension LogDestination: ExpressibleByArgument {}

private func level(named name: String) throws -> Logger.Level {
    guard let level = Logger.Level(rawValue: name) else {
        throw ValidationError("expected debug, info, notice, warning or error, found \(name)")
    }
    return level
}
