import CLinux
import Dispatch
import Glibc

/// What tells one process from a later one with the same number.
package struct ProcessIdentity: Sendable, Hashable {
    /// Process number.
    package let pid: Int32
    /// Start time in clock ticks since boot.
    package let startTicks: UInt64

    /// The process that has this number now; nil if there is none.
    package static func current(_ pid: Int32) -> ProcessIdentity? {
        // The name, second field, is in parentheses and may hold anything; the rest is counted from its end.
        guard let text = Machine.text("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let ticks = UInt64(fields[19]) else { return nil }
        return ProcessIdentity(pid: pid, startTicks: ticks)
    }

    /// This boot of the kernel.
    package static func bootID() -> String { Machine.text("/proc/sys/kernel/random/boot_id") ?? "" }

    /// Niceness of the first thread of a process; of this one unless said otherwise.
    package static func niceness(_ pid: Int32 = getpid()) -> Int32 { getpriority(oneProcess, UInt32(bitPattern: pid)) }

    /// Sets it; false where that is not allowed, with the reason in `errno`.
    static func setNiceness(_ niceness: Int32, of pid: Int32) -> Bool {
        setpriority(oneProcess, UInt32(bitPattern: pid), niceness) == 0
    }

    private static let oneProcess = Int32(PRIO_PROCESS.rawValue)

    /// Sends a signal to exactly this process; false when it is gone.
    package func send(_ signal: Int32) -> Bool {
        let handle = hone_pidfd_open(pid)
        guard handle >= 0 else { return false }
        defer { close(handle) }
        // The handle pins whichever process has the number; only now does comparing mean something.
        guard Self.current(pid) == self else { return false }
        return hone_pidfd_send_signal(handle, signal) == 0
    }

    /// Processes the kernel has killed for want of memory since boot.
    package static func outOfMemoryKills() -> Int {
        let lines = Machine.text("/proc/vmstat", limit: 1 << 16)?.split(separator: "\n")
        let line = lines?.first { $0.hasPrefix("oom_kill ") }
        return line.flatMap { Int($0.dropFirst("oom_kill ".count)) } ?? 0
    }

    /// Returns when the process has ended, or when the task is cancelled. It need not be a child, and is not reaped.
    package static func waitForEnd(of pid: Int32) async {
        let handle = hone_pidfd_open(pid)
        guard handle >= 0 else { return }
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        let source = DispatchSource.makeReadSource(
            fileDescriptor: handle, queue: DispatchQueue(label: "hone.worker-end", qos: .utility))
        source.setEventHandler { continuation.finish() }
        source.setCancelHandler { close(handle) }
        source.activate()
        for await _ in stream {}
        source.cancel()
    }
}
