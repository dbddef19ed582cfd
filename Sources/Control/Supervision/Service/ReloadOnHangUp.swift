import ServiceLifecycle
import UnixSignals

/// Reads the configuration again whenever SIGHUP comes.
package struct ReloadOnHangUp: Service {
    private let reload: @Sendable () async -> Void

    /// A service that calls `reload` for each signal, one after another.
    package init(_ reload: @escaping @Sendable () async -> Void) { self.reload = reload }

    package func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() { await reload() }
    }
}
