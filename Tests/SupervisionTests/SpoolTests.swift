import CLinux
import DurableFiles
import Glibc
import Logging
import TestFolders
import Testing

@testable import Supervision

/// Every way a file can come in, with and without events from the kernel.
@Suite("Drop directory")
struct SpoolTests {
    private let place: TestFolder

    init() throws {
        place = try TestFolder()
        try place.make("jobs")
    }

    private func watcher(inotify: Bool) throws -> SpoolWatcher {
        var settings = SpoolWatcher.Settings()
        settings.usesInotify = inotify
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return try SpoolWatcher("\(place.path)/jobs", settings: settings, logger: logger, wake: {})
    }

    private func due(_ spool: inout SpoolWatcher, at seconds: Double) throws -> [String] {
        try spool.poll(now: .seconds(seconds)).map(\.name.display)
    }

    private func content(_ spool: SpoolWatcher, _ name: String) -> String? {
        guard case .read(let file) = spool.directory.examine(DropName(name)) else { return nil }
        return String(decoding: file.bytes, as: UTF8.self)
    }

    @Test(arguments: [true, false]) func aSlowCopyIsReadWhenItIsQuiet(inotify: Bool) throws {
        var spool = try watcher(inotify: inotify)
        #expect(try due(&spool, at: 0) == [])
        try place.write("name: ", to: "jobs/a.yaml")
        #expect(try due(&spool, at: 1) == [])
        try place.write("a\n", to: "jobs/a.yaml", appending: true)
        #expect(try due(&spool, at: 1.9) == [])
        #expect(try due(&spool, at: 2.8) == [])
        #expect(try due(&spool, at: 2.95) == ["a.yaml"])
        #expect(content(spool, "a.yaml") == "name: a\n")
    }

    /// Only the time in which a file cannot be read counts, not how long it has lain there.
    @Test func theTimeOfAFileThatCannotBeReadBeginsWithTheFirstFailure() throws {
        var spool = try watcher(inotify: false)
        try place.write("name: a\n", to: "jobs/a.yaml")
        #expect(try due(&spool, at: 0) == [])
        #expect(try due(&spool, at: 100) == ["a.yaml"])
        let name = DropName("a.yaml")
        #expect(spool.unsettledTime(of: name, now: .seconds(100)) == .zero)
        #expect(spool.unsettledTime(of: name, now: .seconds(130)) == .seconds(30))
        spool.settled(name)
        #expect(spool.unsettledTime(of: name, now: .seconds(140)) == .zero)
        try place.write("b\n", to: "jobs/a.yaml", appending: true)
        #expect(try due(&spool, at: 150) == [])
        #expect(spool.unsettledTime(of: name, now: .seconds(151)) == .zero)
    }

    @Test func aRenameNeedsNoWaiting() throws {
        var spool = try watcher(inotify: true)
        #expect(try due(&spool, at: 0) == [])
        try place.write("x", to: "jobs/.new")
        #expect(try due(&spool, at: 0.1) == [])
        try place.rename("jobs/.new", to: "jobs/a.json")
        let arrivals = try spool.poll(now: .seconds(0.2))
        #expect(arrivals == [.init(name: DropName("a.json"), age: .zero, isComplete: true)])
    }

    @Test func withoutEventsARenameIsFoundByTheScan() throws {
        var spool = try watcher(inotify: false)
        #expect(try due(&spool, at: 0) == [])
        try place.write("x", to: "outside.yaml")
        try place.rename("outside.yaml", to: "jobs/a.yaml")
        #expect(try due(&spool, at: 0.5) == [])
        #expect(try due(&spool, at: 1) == [])
        #expect(try due(&spool, at: 2) == ["a.yaml"])
    }

    @Test(arguments: [true, false]) func filesThatWereThereBeforeAreFound(inotify: Bool) throws {
        try place.write("x", to: "jobs/old.yml")
        var spool = try watcher(inotify: inotify)
        #expect(try due(&spool, at: 0) == [])
        #expect(spool.isWaiting)
        #expect(try due(&spool, at: 1) == ["old.yml"])
        spool.forget(DropName("old.yml"))
        #expect(!spool.isWaiting)
    }

    @Test func oldestComesFirst() throws {
        for (name, age) in [("b.yaml", 300), ("a.yaml", 100), ("c.yaml", 200)] {
            try place.write("x", to: "jobs/\(name)")
            let time = timespec(tv_sec: 1_700_000_000 - age, tv_nsec: 0)
            #expect(utimensat(AT_FDCWD, "\(place.path)/jobs/\(name)", [time, time], 0) == 0)
        }
        var spool = try watcher(inotify: false)
        _ = try spool.poll(now: .zero)
        #expect(try due(&spool, at: 1) == ["b.yaml", "c.yaml", "a.yaml"])
    }

    @Test func aHardLinkSettlesWhenTheOtherNameGoes() throws {
        let spool = try watcher(inotify: false)
        try place.write("x", to: "outside")
        #expect(link("\(place.path)/outside", "\(place.path)/jobs/a.yaml") == 0)
        guard case .unsettled(_, let reason) = spool.directory.examine(DropName("a.yaml")) else {
            Issue.record("a file with two names was read")
            return
        }
        #expect(reason.contains("2 names"))
        unlink("\(place.path)/outside")
        #expect(content(spool, "a.yaml") == "x")
    }

    enum Strange: CaseIterable { case symbolicLink, danglingLink, fifo, tooLarge }

    @Test(arguments: Strange.allCases) func strangeThingsAreRefusedUnread(_ kind: Strange) throws {
        let path = "\(place.path)/jobs/a.yaml"
        switch kind {
        case .symbolicLink:
            try place.write("secret", to: "secret")
            #expect(symlink("\(place.path)/secret", path) == 0)
        case .danglingLink: #expect(symlink("/nowhere", path) == 0)
        case .fifo: #expect(mkfifo(path, 0o600) == 0)
        case .tooLarge: try place.write(String(repeating: "x", count: DropDirectory.sizeLimit + 1), to: "jobs/a.yaml")
        }
        let spool = try watcher(inotify: false)
        guard case .unacceptable(let file, let reason) = spool.directory.examine(DropName("a.yaml")) else {
            Issue.record("\(kind) was not refused")
            return
        }
        #expect(file.bytes.isEmpty)
        #expect(reason.contains("expected"))
    }

    @Test func whatIsNoJobIsIgnored() throws {
        for name in [".hidden.yaml", "a.txt", "yaml", ".yaml"] { try place.write("x", to: "jobs/\(name)") }
        try place.make("jobs/folder.yaml")
        var spool = try watcher(inotify: true)
        _ = try spool.poll(now: .zero)
        #expect(try due(&spool, at: 2) == [])
        #expect(!spool.isWaiting)
        #expect(
            try place.names("jobs") == [
                ".hidden.yaml", ".yaml", "a.txt", "accepted", "folder.yaml", "rejected", "yaml",
            ])
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to become another user"))
    func anUnreadableFileIsNotSettled() throws {
        try place.write("x", to: "jobs/a.yaml")
        chmod("\(place.path)/jobs/a.yaml", 0o600)
        chmod(place.path, 0o755)
        chmod("\(place.path)/jobs", 0o755)
        let spool = try watcher(inotify: false)
        hone_set_filesystem_user(65534)
        defer { hone_set_filesystem_user(0) }
        guard case .unsettled(_, let reason) = spool.directory.examine(DropName("a.yaml")) else {
            Issue.record("another user's private file was read")
            return
        }
        #expect(reason == "not readable; chmod g+r a.yaml")
    }

    @Test func aNameThatIsNoTextWorks() throws {
        let name = DropName(bytes: [0x66, 0xFF, 0x20] + Array(".yaml".utf8))
        try place.write("x", to: "jobs/a.yaml")
        let old = "\(place.path)/jobs/a.yaml"
        let new = Array("\(place.path)/jobs/".utf8) + name.bytes
        #expect(rename(old, new.map { CChar(bitPattern: $0) } + [0]) == 0)
        let spool = try watcher(inotify: false)
        guard case .read(let file) = spool.directory.examine(name) else {
            Issue.record("not read")
            return
        }
        let taken = try spool.directory.accepted.take(
            name, file.identity, from: spool.directory, as: "7-\(name.cleaned)", alternative: "late")
        #expect(taken == "7-f__.yaml")
        #expect(place.exists("jobs/accepted/7-f__.yaml"))
    }

    @Test func aShelfNeverReplacesAnything() throws {
        let spool = try watcher(inotify: false)
        for text in ["one", "two"] {
            try place.write(text, to: "jobs/a.yaml")
            guard case .read(let file) = spool.directory.examine(DropName("a.yaml")) else { continue }
            _ = try spool.directory.rejected.take(
                DropName("a.yaml"), file.identity, from: spool.directory, as: "a.yaml", alternative: "later")
        }
        #expect(try place.read("jobs/rejected/a.yaml") == "one")
        #expect(try place.read("jobs/rejected/later-a.yaml") == "two")
    }

    @Test func aFileThatTookTheNameIsLeftAlone() throws {
        let spool = try watcher(inotify: false)
        try place.write("first", to: "jobs/a.yaml")
        guard case .read(let file) = spool.directory.examine(DropName("a.yaml")) else { return }
        try place.write("second", to: "jobs/.b")
        try place.rename("jobs/.b", to: "jobs/a.yaml")
        let taken = try spool.directory.accepted.take(
            DropName("a.yaml"), file.identity, from: spool.directory, as: "1-a.yaml", alternative: "x")
        #expect(taken == nil)
        #expect(try place.read("jobs/a.yaml") == "second")
    }

    @Test(arguments: [true, false]) func aReplacedDirectoryIsOpenedAnew(inotify: Bool) throws {
        var spool = try watcher(inotify: inotify)
        _ = try spool.poll(now: .zero)
        try place.rename("jobs", to: "jobs.old")
        try place.make("jobs")
        try place.write("x", to: "jobs/a.yaml")
        _ = try spool.poll(now: .seconds(1))
        #expect(try due(&spool, at: 2) == ["a.yaml"])
        #expect(place.exists("jobs/accepted"))
    }

    @Test func aShelfThatIsALinkIsRefused() throws {
        try place.make("elsewhere")
        #expect(symlink("\(place.path)/elsewhere", "\(place.path)/jobs/accepted") == 0)
        #expect(throws: FileError.self) { try DropDirectory("\(place.path)/jobs") }
    }

    @Test func brokenRecordsAskForAScan() {
        var record = [UInt8](repeating: 0, count: 16)
        #expect(Inotify.parse([]) == [])
        record[4..<8] = [0x00, 0x40, 0x00, 0x00]
        #expect(Inotify.parse(record[...]) == [.rescan])
        record[12] = 200
        #expect(Inotify.parse(record[...]) == [.rescan])
        let named = Array(record[..<4]) + [0x80, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0] + Array("a.yaml".utf8) + [0, 0]
        #expect(Inotify.parse(named[...]) == [.arrived(DropName("a.yaml"))])
    }
}
