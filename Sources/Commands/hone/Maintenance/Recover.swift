import ArgumentParser
import Supervision

struct Recover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Rebuild the queue from its newest backup and the files of the jobs.",
        discussion: """
            For a database that is lost or damaged. The daemon must be stopped. Every job that left a file comes back: \
            jobs with a result have succeeded, others go on from their newest checkpoint under their old numbers. The old \
            database is set aside, not removed.

            Exit status: 0 done; 1 done, but some directories could not be read; 5 refused, nothing was changed.

              systemctl stop honed
              hone recover
              systemctl start honed
            """)

    @Flag(help: "Do not begin with a backup: the files of the jobs alone.")
    var filesOnly = false

    @OptionGroup var output: JSONOption
    @OptionGroup var root: RootOption

    func run() async throws {
        let place = root.place
        let report = try await Caretaker.explaining {
            try Caretaker.becomeOwner(of: place)
            return try await Caretaker.alone(on: place) {
                try await QueueRebuild(place, now: SystemTime().wall).run(from: filesOnly ? .nothing : .newestBackup)
            }
        }
        if output.json { try printJSON(report) } else { Caretaker.tell(report, place) }
        if !report.unreadable.isEmpty { throw ExitCode.failure }
    }
}
