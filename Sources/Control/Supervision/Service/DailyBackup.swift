import Logging
import ServiceLifecycle

/// Saves the queue once a day. The daemon does it itself, since nobody else may open its database.
struct DailyBackup: Service {
    let logger: Logger
    let backup: @Sendable () async throws -> Void

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: .seconds(86_400))
                do {
                    try await backup()
                } catch {
                    logger.error("the queue was not backed up: \(error)")
                }
            }
        }
    }
}
