import CSystemd
import Glibc

/// What the daemon tells the service manager that started it.
///
/// Every call does nothing when there is none (`NOTIFY_SOCKET` unset), so the foreground and the service run the same
/// code.
package enum ServiceManager {
    /// Says that the daemon is up, or that a reload is done.
    package static func ready(status: String? = nil) {
        send(["READY=1"] + line("STATUS", status))
    }

    /// The line shown by `systemctl status`.
    package static func status(_ text: String) {
        send(line("STATUS", text))
    }

    /// Says that a reload has begun; `ready` ends it. The time is what `Type=notify-reload` asks for.
    package static func reloading() {
        send(["RELOADING=1", "MONOTONIC_USEC=\(monotonicMicroseconds())"])
    }

    /// Says that a graceful stop has begun.
    package static func stopping(status: String? = nil) {
        send(["STOPPING=1"] + line("STATUS", status))
    }

    /// Asks for this much more time, from now, before the stop is taken for stuck.
    package static func extendTimeout(by duration: Duration) {
        send(["EXTEND_TIMEOUT_USEC=\(microseconds(duration))"])
    }

    /// One sign of life for `WatchdogSec=`.
    package static func watchdog() {
        send(["WATCHDOG=1"])
    }

    /// The time within which a sign of life is expected; nil when nobody watches this process.
    package static func watchdogTimeout() -> Duration? {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return .microseconds(Int64(clamping: microseconds))
    }

    private static func send(_ lines: [String]) {
        // A failure to notify has nobody to be told to: the manager is the one who would listen.
        _ = sd_notify(0, lines.joined(separator: "\n"))
    }

    /// A status is one line: a newline in it would be read as a further assignment.
    private static func line(_ key: String, _ value: String?) -> [String] {
        guard let value else { return [] }
        return ["\(key)=\(String(value.map { $0.isNewline ? " " : $0 }))"]
    }

    private static func microseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    private static func monotonicMicroseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
