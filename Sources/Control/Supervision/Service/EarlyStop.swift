import Dispatch
import Glibc
import Synchronization

/// Remembers a SIGTERM or SIGINT that comes while the daemon is still starting, so that it ends as asked and not by the
/// signal. Later ones are the service group's.
package final class EarlyStop: Sendable {
    private let asked: Request
    // Kept alive, never touched again.
    nonisolated(unsafe) private let sources: [any DispatchSourceSignal]

    /// From now on neither signal ends the process.
    package init() {
        let asked = Request()
        self.asked = asked
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { asked.wasMade.store(true, ordering: .relaxed) }
            source.resume()
            return source
        }
    }

    /// Whether the process has been asked to stop.
    var wasAsked: Bool { asked.wasMade.load(ordering: .relaxed) }
}

private final class Request: Sendable {
    let wasMade = Atomic(false)
}
