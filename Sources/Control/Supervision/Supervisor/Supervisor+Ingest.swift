import DurableFiles
import JobModel
import JobQueue
import Logging
import Systemd

/// How dropped files become jobs, each exactly once and many at a time: first the database has them, then the files
/// move. A crash in between leaves files whose identities the database knows, and only the move is made up for.
extension Supervisor {
    /// Files dealt with in one turn, so that a flood of them does not keep jobs from starting: the database takes them
    /// in one transaction, however long it waits for the disk.
    private static let mostAtOnce = 256
    /// So many at least, and as many as can be had in this time.
    private static let fewest = 32
    private static let longest = Duration.milliseconds(250)
    /// A text that cannot be read may still be written to for this long.
    static let unfinishedLimit = Duration.seconds(10)
    /// A file that may not be read, or has two names, gets this long.
    static let unsettledLimit = Duration.seconds(60)

    /// A file that was looked at.
    private struct Seen {
        let file: DroppedFile
        /// What keeps it from being read; nil if it was.
        var fault: String?
        /// It may be looked at again before it is refused.
        let hasTime: Bool
    }

    /// A file and what is to become of it.
    private struct Decided {
        let seen: Seen
        let decision: ExaminedDrop.Decision

        var drop: ExaminedDrop { ExaminedDrop(seen.file.submitted, decision) }

        var isAccepted: Bool { if case .accept = decision { true } else { false } }

        var canonical: [UInt8]? { if case .accept(let job) = decision { job.canonical } else { nil } }
    }

    /// A file whose fate the database has.
    private struct Recorded {
        let file: DroppedFile
        let submission: Submission
        /// The specification of its job; nil where the database has to be asked for it.
        let canonical: [UInt8]?
    }

    func ingestDrops() async throws {
        do {
            let seen = try look()
            guard !seen.isEmpty else { return }
            let directory = spool.directory
            let known = try await store.submissionsInDrop(seen.map { ($0.file.submitted, $0.fault == nil) })
            var recorded = zip(seen, known).compactMap { seen, submission in
                submission.map { Recorded(file: seen.file, submission: $0, canonical: nil) }
            }
            let decided = try await decide(zip(seen, known).filter { $1 == nil }.map(\.0))
            recorded += try await record(decided)
            try await finish(recorded, from: directory)
        } catch {
            // The directories may not be any more what is open here.
            mustScan = true
            throw error
        }
    }

    /// Reads the files that are due.
    private func look() throws -> [Seen] {
        let arrivals = try spool.poll(now: time.monotonic, scanning: mustScan, limit: Self.mostAtOnce)
        mustScan = false
        return arrivals.compactMap { arrival -> Seen? in
            switch spool.directory.examine(arrival.name) {
            case .gone:
                spool.forget(arrival.name)
                return nil
            case .unsettled(let file, let reason):
                let hasTime = spool.unsettledTime(of: arrival.name, now: time.monotonic) < Self.unsettledLimit
                return Seen(file: file, fault: reason, hasTime: hasTime)
            case .unacceptable(let file, let reason): return Seen(file: file, fault: reason, hasTime: false)
            case .read(let file):
                spool.settled(arrival.name)
                return Seen(file: file, hasTime: !arrival.isComplete && arrival.age < Self.unfinishedLimit)
            }
        }
    }

    /// Checks files until the time is over; what is left comes again in the next turn. A job that takes long to measure
    /// ends the group of those before it.
    private func decide(_ files: [Seen]) async throws -> [Decided] {
        var decided: [Decided] = []
        let start = time.monotonic
        unfinished.isExact = false
        for (index, seen) in files.enumerated() {
            if index >= Self.fewest || !decided.isEmpty, time.monotonic - start > Self.longest || isStopping { break }
            // Whoever may be refused for having too many is counted when the others are in the database.
            let owner = seen.file.identity.owner
            if decided.contains(where: \.isAccepted), !unfinished.allows(owner, configuration) { break }
            if let next = try await decision(on: seen) {
                decided.append(next)
                if next.isAccepted { unfinished.add(owner) }
            } else {
                spool.lookAgain(seen.file.name, now: time.monotonic)
            }
        }
        return decided
    }

    /// What is to become of a file; nil if it has to be looked at again.
    private func decision(on seen: Seen) async throws -> Decided? {
        let file = seen.file
        do {
            if let fault = seen.fault { throw Rejection(file.name, fault) }
            let format = SpecFormat(fileName: file.name.display) ?? .yaml
            let job = try await admission(
                of: file.bytes, format: format, owner: file.identity.owner, named: file.name)
            return Decided(seen: seen, decision: .accept(job))
        } catch let rejection as Rejection {
            return seen.hasTime ? nil : Decided(seen: seen, decision: .reject(reason: rejection.description))
        } catch let failure as PlanFailure {
            // Nothing is said about the job, so it stays where it is; others go on.
            logger.warning("\(file.name.display) waits: \(failure)")
            return nil
        }
    }

    /// Records what was decided. What the queue refuses is refused to whoever dropped it.
    private func record(_ decided: [Decided]) async throws -> [Recorded] {
        guard !decided.isEmpty else { return [] }
        if decided.contains(where: \.isAccepted) { Boundary.ingestBeforeCommit.reach() }
        if !decided.allSatisfy(\.isAccepted) { Boundary.rejectBeforeCommit.reach() }
        let moved = moves.takeForced()
        let verdicts: [DropVerdict]
        do {
            verdicts = try await store.ingest(decided.map(\.drop), moved: moved, now: time.wall)
        } catch {
            moves.putBack(moved, now: time.monotonic)
            throw error
        }
        if decided.contains(where: \.isAccepted) { Boundary.ingestAfterCommit.reach() }
        if !decided.allSatisfy(\.isAccepted) { Boundary.rejectAfterCommit.reach() }
        if decided.contains(where: \.isAccepted) { isQueueChanged = true }
        var recorded: [Recorded] = []
        var refused: [Decided] = []
        for (drop, verdict) in zip(decided, verdicts) {
            switch verdict {
            case .recorded(let submission):
                recorded.append(
                    Recorded(file: drop.seen.file, submission: submission, canonical: drop.canonical))
                if drop.isAccepted && submission.outcome != .accepted { unfinished.isExact = false }
            case .refused where drop.seen.hasTime: spool.lookAgain(drop.seen.file.name, now: time.monotonic)
            case .refused(let reason):
                let rejection = Rejection(drop.seen.file.name, reason)
                refused.append(Decided(seen: drop.seen, decision: .reject(reason: rejection.description)))
            }
        }
        return try await recorded + record(refused)
    }

    /// Does what submissions stand for. Everything here may be done again.
    private func finish(_ recorded: [Recorded], from directory: DropDirectory) async throws {
        var jobs: [Int64] = []
        var failure: (any Error)?
        for drop in recorded {
            do {
                let errorFile = try await finish(drop, from: directory)
                moves.add(drop.submission.id, from: directory, errorFile: errorFile, now: time.monotonic)
                spool.forget(drop.file.name)
                announce(drop.submission, drop.file)
                if drop.submission.outcome == .accepted, let job = drop.submission.job { jobs.append(job) }
            } catch {
                // It comes again in a while; what it has against being moved is nothing to the others.
                failure = failure ?? error
                spool.lookAgain(drop.file.name, now: time.monotonic)
            }
        }
        try await showWaiting(jobs)
        if let failure { throw failure }
    }

    /// Moves one file to where it belongs; the name of the file with its errors, if there is one.
    private func finish(_ drop: Recorded, from directory: DropDirectory) async throws -> String? {
        guard let job = drop.submission.job, let name = drop.submission.jobName else {
            return try shelve(drop.file, because: drop.submission.reason ?? "", from: directory)
        }
        if drop.submission.outcome == .accepted {
            let canonical =
                if let known = drop.canonical { known } else { try await canonicalSource(of: job, drop.file) }
            try prepareRunDirectory(job, name, canonical: canonical)
            Boundary.ingestAfterRunDirectory.reach()
        }
        _ = try directory.accepted.take(
            drop.file.name, drop.file.identity, from: directory, as: "\(job)-\(drop.file.name.cleaned)",
            alternative: stamp)
        Boundary.ingestAfterMove.reach()
        return nil
    }

    private func canonicalSource(of job: Int64, _ file: DroppedFile) async throws -> [UInt8] {
        let source = try await store.source(of: job) ?? file.bytes
        let format = SpecFormat(fileName: file.name.display) ?? .yaml
        return try specification(in: source, format, named: file.name).canonicalJSON()
    }

    /// Writes what people and a rebuild of the queue read of a job. It is not forced to the disk, which would take
    /// longer than everything else: the queue has all of it, and it is forced before the job starts.
    func prepareRunDirectory(_ job: Int64, _ name: String, canonical: [UInt8]) throws {
        let run = root.run(job, name)
        try makeDirectory(run.path, mode: root.isPrivate ? 0o700 : 0o750)
        // One that is there may have been forced already, and stays.
        if fileKind(run.spec) == .file, try readFile(run.spec) == canonical { return }
        try replaceForReaders(canonical, at: run.spec)
    }

    /// Moves a refused file to rejected/ with its errors beside. The errors come first: a file that lies there
    /// unexplained would be a riddle. Returns the name of the file with the errors.
    private func shelve(
        _ file: DroppedFile, because reason: String, from directory: DropDirectory
    ) throws -> String {
        let taken = try directory.rejected.holds(file.name.cleaned)
        let name = taken ? "\(stamp)-\(file.name.cleaned)" : file.name.cleaned
        try directory.rejected.write(reason + "\n", as: "\(name).error.txt")
        Boundary.rejectAfterErrorFile.reach()
        _ = try directory.rejected.take(file.name, file.identity, from: directory, as: name, alternative: stamp)
        Boundary.rejectAfterMove.reach()
        return "\(name).error.txt"
    }

    /// The time of day as it stands in file names.
    private var stamp: String {
        let seconds = Timestamp(milliseconds: time.wall.milliseconds / 1000 * 1000)
        return seconds.description.filter { $0 != "-" && $0 != ":" }
    }

    private func announce(_ submission: Submission, _ file: DroppedFile) {
        let uid = "\(file.identity.owner)"
        tell(submission, DropRequest(name: file.name.display, inode: file.identity.inode))
        switch submission.outcome {
        case .accepted:
            logger.event(
                .jobAccepted, "accepted \(file.name.display) as job \(submission.job ?? 0)",
                [.jobID: "\(submission.job ?? 0)", .jobName: submission.jobName ?? "", .uid: uid])
        case .duplicate:
            logger.notice("\(file.name.display) is job \(submission.job ?? 0), which is there already")
        case .rejected:
            rejections += 1
            logger.event(
                .jobRejected, level: .warning, "rejected \(file.name.display): \(submission.reason ?? "")", [.uid: uid])
        }
    }
}

extension DroppedFile {
    /// What the queue knows a file by.
    fileprivate var submitted: SubmittedFile {
        SubmittedFile(
            name: name.display, uid: Int64(identity.owner), device: identity.device, inode: identity.inode,
            modifiedNanoseconds: identity.modifiedNanoseconds, size: identity.size, sha256: sha256)
    }
}
