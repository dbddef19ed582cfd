import ArgumentParser
import DurableFiles
import Glibc
import JobModel
import JobQueue
import Supervision

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a checked copy of the queue.",
        discussion: """
            While the daemon runs or not. Without FILE the copy lies beside those the daemon makes every day. It holds the \
            queue, not the results: those are files in runs/. Nothing is written over.

              hone backup
              hone backup /mnt/backups/hone-queue.db
            """)

    @Argument(help: "Where to (default: a name with the time in db/backup).")
    var file: String?

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    private struct Written: Encodable {
        let path: String
        let jobs: Int
        let bytes: Int
    }

    func run() async throws {
        let place = root.place
        let written = try await Caretaker.explaining {
            guard let file else { return try writeBeside(place) }
            // Made before root gives itself up: the copy may go where the daemon cannot write.
            let target = try OpenFile(absolutePath(file), O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            do {
                return try write(place, into: target)
            } catch {
                unlink(target.path)
                throw error
            }
        }
        if output.json { return try printJSON(written) }
        Terminal.say("\(written.path): \(written.jobs) jobs, \(written.bytes) bytes, checked")
    }

    private func writeBeside(_ place: Root) throws -> Written {
        try withDraft(place) { draft, jobs in
            let path = "\(place.database)/backup/queue-\(SystemTime().wall.fileStamp).db"
            try durableRename(draft, to: path)
            return Written(path: path, jobs: jobs, bytes: try fileSize(path))
        }
    }

    private func write(_ place: Root, into target: borrowing OpenFile) throws -> Written {
        let path = target.path
        return try withDraft(place) { draft, jobs in
            try OpenFile(draft, O_RDONLY).readAll { try target.write($0) }
            try target.sync()
            return Written(path: path, jobs: jobs, bytes: Int(try target.status().st_size))
        }
    }

    /// A checked copy under a name of its own, gone afterwards unless it was renamed.
    private func withDraft(_ place: Root, _ body: (_ path: String, _ jobs: Int) throws -> Written) throws -> Written {
        try Caretaker.becomeOwner(of: place)
        let directory = "\(place.database)/backup"
        try makeDirectory(directory, mode: 0o700)
        let draft = "\(directory)/.draft-\(getpid())"
        try removeTree(draft)
        defer { unlink(draft) }
        let facts = try QueueCopy.write(of: place.databaseFile, to: draft)
        MaintenanceBoundary.backupBeforePublish.reach()
        let written = try body(draft, facts.jobs)
        MaintenanceBoundary.backupAfterPublish.reach()
        return written
    }
}
