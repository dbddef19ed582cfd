import CLinux
package import Logging
package import ServiceLifecycle
import Synchronization
import UnixSignals

/// A supervisor with what it needs around it: signals, reload, watchdog.
package enum Daemon {
    /// Runs until the supervisor ends, or SIGTERM or SIGINT have stopped it gracefully. A second signal does not hurry
    /// it: what is waited for is that workers save their state.
    ///
    /// There is no time limit on the stop and no signal that cancels: both would end in killed workers.
    ///
    /// - Parameters:
    ///   - control: answers people while the supervisor works; ends after it.
    ///   - early: signals that have come since the process began.
    ///   - backup: saves the queue; called once a day.
    package static func run(
        _ supervisor: Supervisor, logger: Logger, control: any Service, early: EarlyStop,
        backup: @escaping @Sendable () async throws -> Void
    ) async throws -> Supervisor.Outcome {
        // A worker that has just died must not take the daemon with it.
        _ = hone_ignore_sigpipe()
        let service = SupervisorService(supervisor: supervisor, early: early)
        var quiet = logger
        quiet.logLevel = max(.warning, logger.logLevel)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                // Shut down from last to first, each awaited: the supervisor before what serves it.
                services: [
                    .init(service: Watchdog(supervisor.heartbeat), successTerminationBehavior: .ignore),
                    .init(service: ReloadOnHangUp { await supervisor.reload() }, successTerminationBehavior: .ignore),
                    .init(service: DailyBackup(logger: logger, backup: backup), successTerminationBehavior: .ignore),
                    .init(service: control, successTerminationBehavior: .ignore),
                    .init(service: service, successTerminationBehavior: .gracefullyShutdownGroup),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
        try await group.run()
        return service.outcome.withLock { $0 } ?? .stopped
    }
}

/// The supervisor as one service of the group.
private final class SupervisorService: Service {
    let supervisor: Supervisor
    let early: EarlyStop
    let outcome = Mutex<Supervisor.Outcome?>(nil)

    init(supervisor: Supervisor, early: EarlyStop) {
        self.supervisor = supervisor
        self.early = early
    }

    func run() async throws {
        // The group listens to signals before it starts a service, so none falls in between.
        if early.wasAsked { return }
        let ended = try await withGracefulShutdownHandler {
            try await supervisor.run()
        } onGracefulShutdown: { [supervisor] in
            Task { await supervisor.beginShutdown() }
        }
        outcome.withLock { $0 = ended }
    }
}
