import ArgumentParser
import DurableFiles
import Glibc
import JobModel
import JobQueue
import Supervision

/// Acts on the queue while no daemon runs.
enum Caretaker {
    /// Becomes the owner of the queue when root calls, so that the daemon can read what is written.
    static func becomeOwner(of root: Root) throws {
        var status = stat()
        guard geteuid() == 0, stat(root.database, &status) == 0, status.st_uid != 0 else { return }
        guard setgroups(0, nil) == 0, setgid(status.st_gid) == 0, setuid(status.st_uid) == 0 else {
            throw FileError.last("become the owner of", root.database)
        }
        umask(0o027)
    }

    /// Runs `body` under the daemon's lock; ends the command with 5 while a daemon works on this root.
    static func alone<Value>(on root: Root, _ body: () async throws -> Value) async throws -> Value {
        guard fileKind(root.database) == .directory else {
            Terminal.complain("there is no \(root.database); has honed ever run with this root?")
            throw ExitCode.refused
        }
        guard let lock = try DaemonLock.acquire(root) else {
            let holder = try DaemonLock.holder(root).map { " (process \($0))" } ?? ""
            Terminal.complain("a daemon works on \(root.database)\(holder); stop it first: systemctl stop honed")
            throw ExitCode.refused
        }
        let value = try await body()
        _ = consume lock
        return value
    }

    /// Runs `body`; what the store or the files refuse ends the command with 5 and its reason.
    static func explaining<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as StoreError {
            Terminal.complain(error.description)
        } catch let error as FileError {
            Terminal.complain(error.description)
        }
        throw ExitCode.refused
    }

    /// What a rebuild did, for people.
    static func tell(_ report: QueueRebuild.Report, _ root: Root) {
        for copy in report.refusedCopies { Terminal.complain("passed over \(copy)") }
        Terminal.say(report.base.map { "began with \($0)" } ?? "began with an empty queue: there is no whole backup")
        let counts = report.counts
        Terminal.say(
            "\(counts.added) jobs from their files alone, \(counts.broughtForward) brought to where their files are, "
                + "\(counts.unchanged) as they were")
        Terminal.say("the queue has \(report.jobs) jobs, \(report.live) of them wait or go on")
        if let aside = report.setAside { Terminal.say("the old queue lies in \(aside)") }
        for run in report.unreadable { Terminal.complain("not recovered: \(run)") }
        Terminal.say("start the daemon again: systemctl start honed")
    }
}
