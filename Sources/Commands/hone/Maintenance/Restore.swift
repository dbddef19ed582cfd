import ArgumentParser
import DurableFiles
import Glibc
import JobModel
import Supervision

struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Go back to a backup of the queue.",
        discussion: """
            The daemon must be stopped. The backup is checked first. What happened since is not forgotten: jobs that came \
            later are added from their files, and jobs that have ended since have ended. The old database is set aside.

            Exit status: 0 done; 1 done, but some directories could not be read; 5 refused, nothing was changed.

              systemctl stop honed
              hone restore /var/lib/hone/db/backup/queue-2026-01-02T030405Z.db
              systemctl start honed
            """)

    @Argument(help: "The backup, as `hone backup` or the daemon wrote it.")
    var file: String

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() async throws {
        let place = root.place
        let backup = absolutePath(file)
        let report = try await Caretaker.explaining {
            // Opened before root gives itself up: the copy may lie where the daemon cannot look.
            let source = try OpenFile(backup, O_RDONLY)
            try Caretaker.becomeOwner(of: place)
            return try await Caretaker.alone(on: place) {
                let own = "\(place.database)/restore-\(getpid()).db"
                defer { unlink(own) }
                try Self.copy(source, to: own)
                var report = try await QueueRebuild(place, now: SystemTime().wall).run(from: .copy(own))
                report.base = backup
                return report
            }
        }
        if output.json { try printJSON(report) } else { Caretaker.tell(report, place) }
        if !report.unreadable.isEmpty { throw ExitCode.failure }
    }

    private static func copy(_ source: borrowing OpenFile, to path: String) throws {
        try removeTree(path)
        let target = try OpenFile(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        try source.readAll { try target.write($0) }
        try target.sync()
    }
}
