import ArgumentParser
import DurableFiles
import JobModel
import JobQueue
import Supervision

/// A look at the queue: what the daemon says; without one, the database read-only; and for those who may not read that,
/// the files of the runs.
struct QueueView {
    private let root: Root
    private let reader: (any QueueSource)?
    /// For listings the queue itself, where it may be read: ten thousand jobs are told more slowly than they are read.
    private let listing: (any QueueSource)?

    /// Ends the command with 4 where there is neither a database nor a run.
    init(_ root: Root) throws {
        self.root = root
        let client = DaemonClient(root)
        if client.isAnswered {
            let daemon = DaemonSource(client: client)
            reader = daemon
            if let queue = try? QueueReader.open(at: root.databaseFile) { listing = queue } else { listing = daemon }
            return
        }
        do {
            reader = try QueueReader.open(at: root.databaseFile)
            listing = reader
        } catch {
            reader = nil
            listing = nil
            guard fileKind(root.runs) == .directory else {
                Terminal.complain("\(error); has honed run with this root? Start it with: honed --root DIR")
                throw ExitCode.noDaemon
            }
        }
    }

    /// Whether a daemon answers.
    var isLive: Bool { reader is DaemonSource }

    /// Whether the queue itself can be read.
    var isComplete: Bool { reader != nil }

    /// Jobs, newest first: those that have not ended (and the quarantined), or all; at most `limit`.
    func lines(all: Bool, limit: Int) throws -> [JobLine] {
        guard let listing else { return Array(statusLines().filter { all || !$0.state.isFinished }.prefix(limit)) }
        return try listing.jobs(JobPage(all ? .all : .live, limit: limit)).map { JobLine($0, status: status(of: $0)) }
    }

    /// The jobs with these numbers, in this order; those that are not there are left out.
    func lines(of ids: [Int64]) throws -> [JobLine] {
        guard let reader else {
            let known = statusLines()
            return ids.compactMap { id in known.first { $0.id == id } }
        }
        return try ids.compactMap { try reader.job($0)?.summary }.map { JobLine($0, status: status(of: $0)) }
    }

    /// The number of a job given by number or name (the newest of that name); ends the command with 3 if there is none.
    func number(of job: String) throws -> Int64 {
        if let number = Int64(job), try !lines(of: [number]).isEmpty { return number }
        let named = try reader.map { try $0.newestJob(named: job) } ?? statusLines().first { $0.name == job }?.id
        guard let named else {
            Terminal.complain(
                "there is no job \(job.escapingControlCharacters); hone ls --all lists them" + whatWaitsOutside)
            throw ExitCode.noSuchJob
        }
        return named
    }

    /// A word about files that the daemon has not taken in yet, as their jobs are not known.
    private var whatWaitsOutside: String {
        let names = ((try? directoryNames(root.spool)) ?? []).filter {
            !$0.hasPrefix(".") && SpecFormat(fileName: $0) != nil
        }
        return names.isEmpty ? "" : "; \(names.count) files in \(root.spool) wait to be taken in"
    }

    /// Everything about one job; nil where the database cannot be read.
    func details(_ id: Int64) throws -> JobDetails? { try reader?.job(id) }

    /// What happened to a job, or to all, oldest first. A negative number counts from the newest event.
    func events(of id: Int64?, after sequence: Int64 = 0, limit: Int) throws -> [QueueEvent] {
        try reader?.events(after: sequence, job: id, limit: limit) ?? []
    }

    /// What the run directory adds to what the queue knows; nothing before the first attempt.
    private func status(of summary: JobSummary) -> StatusRecord? {
        summary.attempt == 0 ? nil : Self.status(root.run(summary.id, summary.name))
    }

    private static func status(_ run: RunDirectory) -> StatusRecord? {
        guard let bytes = try? readFile(run.status, limit: 1 << 20) else { return nil }
        return try? JSONCoding.decode(StatusRecord.self, from: bytes)
    }

    private func statusLines() -> [JobLine] {
        ((try? directoryNames(root.runs)) ?? []).compactMap(RunName.init).sorted { $0.id > $1.id }
            .compactMap { Self.status(root.run($0.id, $0.name)) }.map(JobLine.init)
    }
}
