import ServiceLifecycle
import Synchronization
import Systemd

/// When the loop of the supervisor last came round. Written by the loop, read by the watchdog.
package final class Heartbeat: Sendable {
    private let last: Mutex<Duration>
    private let time: any TimeSource

    /// A heart that beats now.
    package init(time: any TimeSource) {
        self.time = time
        last = Mutex(time.monotonic)
    }

    /// The loop came round.
    package func beat() { last.withLock { $0 = time.monotonic } }

    /// How long ago that was.
    package var age: Duration { time.monotonic - last.withLock { $0 } }
}

/// Tells the service manager that the daemon lives, as long as its loop comes round.
package struct Watchdog: Service {
    /// A loop that waits for a slow disk is alive: a disk must not become a reason to kill everything.
    static let patience = Duration.seconds(5 * 60)

    private let heartbeat: Heartbeat

    /// A watchdog over the loop behind `heartbeat`.
    package init(_ heartbeat: Heartbeat) { self.heartbeat = heartbeat }

    package func run() async throws {
        guard let timeout = ServiceManager.watchdogTimeout() else { return }
        // Listed before the supervisor in the group, so it goes on until the supervisor has stopped.
        try? await cancelWhenGracefulShutdown {
            while true {
                if heartbeat.age < Self.patience { ServiceManager.watchdog() }
                try await Task.sleep(for: timeout / 4)
            }
        }
    }
}
