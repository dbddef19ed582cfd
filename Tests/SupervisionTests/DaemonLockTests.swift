import DurableFiles
import Glibc
import TestFolders
import Testing

@testable import Supervision

@Suite("Daemon lock")
struct DaemonLockTests {
    private let place: TestFolder
    private let root: Root

    init() throws {
        place = try TestFolder()
        root = .under(place.path)
        try root.prepare()
    }

    @Test func onlyOneHasIt() async throws {
        guard let lock = try DaemonLock.acquire(root) else {
            Issue.record("somebody else has the lock of a new directory")
            return
        }
        #expect(try await DaemonLock.acquire(root, patience: .milliseconds(100)) == nil)
        #expect(try DaemonLock.holder(root) == getpid())
        _ = consume lock
        #expect(try DaemonLock.holder(root) == nil)
    }

    /// `hone doctor` has the lock while it looks who has it.
    @Test func whoOnlyLooksDoesNotKeepADaemonFromStarting() async throws {
        let root = root
        guard let lock = try FileLock.acquire(root.lockFile) else {
            Issue.record("somebody else has the lock of a new directory")
            return
        }
        let daemon = Task { try await DaemonLock.acquire(root, patience: .seconds(600)) != nil }
        try await Task.sleep(for: .milliseconds(10))
        _ = consume lock
        #expect(try await daemon.value)
    }
}
