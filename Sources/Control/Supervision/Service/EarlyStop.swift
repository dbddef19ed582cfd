import Dispatch
import Glibc
import Synchronization

/// Remembers a SIGTERM or SIGINT that comes while the daemon is still starting, so that it ends as asked and not by the
/// signal. Later ones are the service group's.
package final class EarlyStop: Sendable {
    private let asked = Mutex(false)
    private let sources = Mutex<[any DispatchSourceSignal]>([])

    /// From now on neither signal ends the process.
    package init() {
        let made = [SIGTERM, SIGINT].map { number -> any DispatchSourceSignal in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak self] in self?.asked.withLock { $0 = true } }
            source.resume()
            return source
        }
        sources.withLock { $0 = made }
    }

    /// Whether the process has been asked to stop.
    var wasAsked: Bool { asked.withLock { $0 } }
}
