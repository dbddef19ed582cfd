import Glibc
import Testing

@testable import Systemd

@Suite("Messages to the service manager", .serialized)
struct ServiceManagerTests {
    @Test func withoutSocketNothingHappens() {
        unsetenv("NOTIFY_SOCKET")
        unsetenv("WATCHDOG_USEC")
        ServiceManager.ready()
        #expect(ServiceManager.watchdogTimeout() == nil)
    }

    @Test func messagesArriveAsAssignments() throws {
        let manager = try Listener()
        defer { manager.close() }
        ServiceManager.ready(status: "2 running\nREADY=0")
        #expect(manager.hears("READY=1\nSTATUS=2 running READY=0"))
        ServiceManager.status("idle")
        #expect(manager.hears("STATUS=idle"))
        ServiceManager.stopping(status: "waiting for 2 workers")
        #expect(manager.hears("STOPPING=1\nSTATUS=waiting for 2 workers"))
        ServiceManager.extendTimeout(by: .milliseconds(1500))
        #expect(manager.hears("EXTEND_TIMEOUT_USEC=1500000"))
        ServiceManager.watchdog()
        #expect(manager.hears("WATCHDOG=1"))
        ServiceManager.reloading()
        #expect(manager.hears { $0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") })
    }

    @Test func watchdogTimeoutIsRead() {
        setenv("WATCHDOG_USEC", "60000000", 1)
        setenv("WATCHDOG_PID", "\(getpid())", 1)
        defer {
            unsetenv("WATCHDOG_USEC")
            unsetenv("WATCHDOG_PID")
        }
        #expect(ServiceManager.watchdogTimeout() == .seconds(60))
        setenv("WATCHDOG_PID", "1", 1)
        #expect(ServiceManager.watchdogTimeout() == nil)
    }
}

/// A datagram socket in place of the service manager.
private struct Listener {
    private let descriptor: Int32
    private let path: String

    init() throws {
        path = "/tmp/hone-notify-\(getpid())"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        unlink(path)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        setenv("NOTIFY_SOCKET", path, 1)
    }

    func hears(_ message: String) -> Bool { hears { $0 == message } }

    /// Whether such a message has come. The process has one service manager, so supervisors of other tests may have
    /// spoken to it in between.
    func hears(_ isWanted: (String) -> Bool) -> Bool {
        while let message = receive() {
            if isWanted(message) { return true }
        }
        return false
    }

    private func receive() -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    func close() {
        unsetenv("NOTIFY_SOCKET")
        Glibc.close(descriptor)
        unlink(path)
    }
}
