import DurableFiles
import JobModel
import Logging

/// `status.json` of every job that runs: the newest report of its worker, written at most once a second.
struct StatusBoard {
    private struct Entry {
        let run: RunDirectory
        var record: StatusRecord
        var written: Duration?
        var isChanged = true
    }

    /// Shortest time between two versions of one file.
    static let interval = Duration.seconds(1)

    private var entries: [Int64: Entry] = [:]

    /// Begins with a job, or replaces all that was known of it.
    mutating func begin(_ record: StatusRecord, in run: RunDirectory) {
        entries[record.job] = Entry(run: run, record: record)
    }

    /// Changes what is known of a job.
    mutating func update(_ job: Int64, _ change: (inout StatusRecord) -> Void) {
        guard var entry = entries[job] else { return }
        change(&entry.record)
        entry.isChanged = true
        entries[job] = entry
    }

    /// What is known of a job.
    subscript(job: Int64) -> StatusRecord? { entries[job]?.record }

    /// Whether something waits to be written.
    var hasChanges: Bool { entries.values.contains(where: \.isChanged) }

    /// Takes over what a worker said.
    mutating func note(_ event: WorkerEvent, job: Int64) {
        update(job) { record in
            switch event {
            case .ready(let ready): record.step = ready.resumeStep
            case .phase(let phase): record.phase = phase
            case .beat(let beat):
                record.step = max(record.step, beat.step)
                record.phase = beat.phase
            case .progress(let progress): record.take(progress)
            case .hello, .checkpoint, .checkpointFailed, .result, .unknown: break
            }
        }
    }

    /// Writes what has changed and is due.
    mutating func publish(now: Duration, wall: Timestamp, logger: Logger) {
        for job in entries.keys.sorted() {
            guard let entry = entries[job], entry.isChanged else { continue }
            if let written = entry.written, now - written < Self.interval { continue }
            write(job, now: now, wall: wall, logger: logger)
        }
    }

    /// Writes the last version and forgets the job.
    mutating func end(_ job: Int64, now: Duration, wall: Timestamp, logger: Logger) {
        write(job, now: now, wall: wall, logger: logger)
        entries[job] = nil
    }

    private mutating func write(_ job: Int64, now: Duration, wall: Timestamp, logger: Logger) {
        guard var entry = entries[job] else { return }
        entry.record.updated = wall
        entry.written = now
        entry.isChanged = false
        entries[job] = entry
        do {
            try replaceForReaders(try JSONCoding.encode(entry.record) + [UInt8(ascii: "\n")], at: entry.run.status)
        } catch {
            // A display only: the job goes on.
            logger.warning("no status for job \(job): \(error)")
        }
    }
}

extension StatusRecord {
    fileprivate mutating func take(_ progress: ProgressEvent) {
        step = max(step, progress.step)
        total = progress.total
        loss = progress.loss ?? loss
        learningRate = progress.lr ?? learningRate
        tokensPerSecond = progress.tokS ?? tokensPerSecond
        etaSeconds = progress.etaS ?? etaSeconds
        if let newer = progress.metrics { metrics.merge(newer) { _, new in new } }
    }
}
