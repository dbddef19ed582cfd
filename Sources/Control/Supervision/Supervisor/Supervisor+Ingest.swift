import DurableFiles
import JobModel
import JobQueue
import Logging
import Systemd

/// How a dropped file becomes a job, exactly once: first the database has it, then the file moves. A crash in between
/// leaves a file whose identity the database knows, and only the move is made up for.
extension Supervisor {
    /// Drops looked at in one turn, so that a flood of them does not keep jobs from starting: so many at least, and as
    /// many as can be had in this time.
    private static let batch = 32
    private static let batchTime = Duration.milliseconds(250)
    /// A text that cannot be read may still be written to for this long.
    static let unfinishedLimit = Duration.seconds(10)
    /// A file that may not be read, or has two names, gets this long.
    static let unsettledLimit = Duration.seconds(60)

    func ingestDrops() async throws {
        let arrivals = try spool.poll(now: time.monotonic, scanning: mustScan)
        mustScan = false
        unfinished = nil
        let start = time.monotonic
        for (index, arrival) in arrivals.enumerated() {
            if index >= Self.batch, time.monotonic - start > Self.batchTime || isStopping { break }
            do {
                if try await take(arrival, from: spool.directory) {
                    spool.forget(arrival.name)
                } else {
                    spool.lookAgain(arrival.name, now: time.monotonic)
                }
            } catch {
                // The directories may not be any more what is open here.
                mustScan = true
                throw error
            }
        }
    }

    /// Deals with one file; false if it has to be looked at again.
    private func take(_ arrival: SpoolWatcher.Arrival, from directory: DropDirectory) async throws -> Bool {
        switch directory.examine(arrival.name) {
        case .gone: return true
        case .unsettled(let file, let reason):
            let hasTime = spool.unsettledTime(of: arrival.name, now: time.monotonic) < Self.unsettledLimit
            return try await settle(file, reason, hasTime: hasTime, from: directory)
        case .unacceptable(let file, let reason):
            return try await settle(file, reason, hasTime: false, from: directory)
        case .read(let file):
            spool.settled(arrival.name)
            if let earlier = try await store.submissionInDrop(file.submitted) {
                try await finish(earlier, file, from: directory)
            } else {
                let mayGrow = !arrival.isComplete && arrival.age < Self.unfinishedLimit
                return try await admit(file, mayGrow: mayGrow, from: directory)
            }
        }
        return true
    }

    /// Deals with a file that was not read: one that the queue knows is moved, another refused when its time is over.
    private func settle(
        _ file: DroppedFile, _ reason: String, hasTime: Bool, from directory: DropDirectory
    ) async throws -> Bool {
        if let earlier = try await store.submissionInDrop(file.submitted, wasRead: false) {
            try await finish(earlier, file, from: directory)
        } else {
            if hasTime { return false }
            try await reject(file, Rejection(file.name, reason), from: directory)
        }
        return true
    }

    private func admit(_ file: DroppedFile, mayGrow: Bool, from directory: DropDirectory) async throws -> Bool {
        do {
            let job = try await admission(
                of: file.bytes, format: SpecFormat(fileName: file.name.display) ?? .yaml, owner: file.identity.owner,
                named: file.name)
            Boundary.ingestBeforeCommit.reach()
            let submission = try await submit(job, file)
            if submission.outcome == .accepted { countUnfinished(of: file.identity.owner) }
            Boundary.ingestAfterCommit.reach()
            isQueueChanged = true
            try await finish(submission, file, from: directory)
        } catch let rejection as Rejection {
            if mayGrow { return false }
            try await reject(file, rejection, from: directory)
        } catch let failure as PlanFailure {
            // Nothing is said about the job, so it stays where it is; others go on.
            logger.warning("\(file.name.display) waits: \(failure)")
            return false
        }
        return true
    }

    /// Reads and checks a specification: everything that can be known before the job runs.
    ///
    /// - Parameter replacing: the job takes the place of another, so the queue does not grow.
    func admission(
        of bytes: [UInt8], format: SpecFormat, owner: UInt32, named name: DropName, replacing: Bool = false
    ) async throws -> NewJob {
        let spec = try specification(in: bytes, format, named: name)
        let rules = AdmissionRules(configuration, root: root, machine: machine)
        let inputs = try rules.inputs(of: spec, from: owner, named: name)
        if !replacing { try await refuseFlood(from: owner, named: name) }
        var reservation = Reservation(spec)
        if !inputs.waitsForJobs {
            reservation = Reservation(spec, try await plan(spec, inputs.paths, rules, named: name))
        }
        let canonical = spec.canonicalJSON()
        return NewJob(
            spec: spec, canonical: canonical, specSHA256: SHA256.hex(of: canonical), source: bytes,
            memory: reservation.memory, disk: reservation.disk, inputs: inputs.pins)
    }

    /// One user's queue has an end, so that nobody's mistake buries everybody else.
    private func refuseFlood(from owner: UInt32, named name: DropName) async throws {
        let limit = configuration.queuedPerUser
        let own = try await unfinishedCounts()[Int64(owner), default: 0]
        guard own >= limit else { return }
        throw Rejection(name, "user \(owner) has \(own) jobs waiting or running, expected fewer than \(limit)")
    }

    /// Counted once in a turn: with a hundred thousand jobs, counting takes a while.
    private func unfinishedCounts() async throws -> [Int64: Int] {
        if let unfinished { return unfinished }
        let counts = try await store.unfinishedCounts()
        unfinished = counts
        return counts
    }

    /// A job more in this turn.
    func countUnfinished(of owner: UInt32) { unfinished?[Int64(owner), default: 0] += 1 }

    private func specification(
        in bytes: [UInt8], _ format: SpecFormat, named name: DropName
    ) throws -> JobSpec {
        do {
            return try JobSpec.decode(bytes, format: format)
        } catch {
            throw Rejection(name, error)
        }
    }

    private func submit(_ job: NewJob, _ file: DroppedFile) async throws -> Submission {
        do {
            return try await store.submit(job, from: file.submitted, now: time.wall)
        } catch StoreError.refused(let reason) {
            throw Rejection(file.name, reason)
        }
    }

    private func reject(_ file: DroppedFile, _ rejection: Rejection, from directory: DropDirectory) async throws {
        Boundary.rejectBeforeCommit.reach()
        let submission = try await store.reject(file.submitted, reason: rejection.description, now: time.wall)
        Boundary.rejectAfterCommit.reach()
        try await finish(submission, file, from: directory)
    }

    /// Does what a submission stands for and marks it done. Everything here may be done again.
    private func finish(_ submission: Submission, _ file: DroppedFile, from directory: DropDirectory) async throws {
        if let job = submission.job, let name = submission.jobName {
            if submission.outcome == .accepted, let source = try await store.source(of: job) {
                let format = SpecFormat(fileName: file.name.display) ?? .yaml
                let spec = try specification(in: source, format, named: file.name)
                try prepareRunDirectory(job, name, canonical: spec.canonicalJSON())
            }
            _ = try directory.accepted.take(
                file.name, file.identity, from: directory, as: "\(job)-\(file.name.cleaned)", alternative: stamp)
            Boundary.ingestAfterMove.reach()
        } else {
            try shelve(file, because: submission.reason ?? "", from: directory)
        }
        try await store.markMoved(submission.id)
        Boundary.ingestAfterMark.reach()
        announce(submission, file)
        if submission.outcome == .accepted, let job = submission.job { try await showWaiting(job) }
    }

    /// The `status.json` of a job without a worker, for those who may not read the queue.
    func showWaiting(_ job: Int64) async throws {
        guard active[job] == nil, let summary = try await store.job(job)?.summary,
            let method = Method(rawValue: summary.method)
        else { return }
        var record = StatusRecord(
            job: job, name: summary.name, method: method, state: summary.state, attempt: summary.attempt,
            updated: time.wall)
        record.reason = summary.reason?.description
        board.begin(record, in: root.run(job, summary.name))
        board.end(job, now: time.monotonic, wall: time.wall, logger: logger)
    }

    /// As `showWaiting`, after something was decided and is done: a display that fails takes nothing of it back.
    func show(_ job: Int64) async {
        do {
            try await showWaiting(job)
        } catch {
            logger.warning("job \(job) is not shown as it is: \(error)")
        }
    }

    func prepareRunDirectory(_ job: Int64, _ name: String, canonical: [UInt8]) throws {
        let run = root.run(job, name)
        try makeDirectory(run.path, mode: root.isPrivate ? 0o700 : 0o750)
        try durableWrite(canonical, to: run.spec)
        try syncDirectory(root.runs)
        Boundary.ingestAfterRunDirectory.reach()
    }

    /// Moves a refused file to rejected/ with its errors beside. The errors come first: a file that lies there
    /// unexplained would be a riddle.
    private func shelve(_ file: DroppedFile, because reason: String, from directory: DropDirectory) throws {
        let taken = try directory.rejected.holds(file.name.cleaned)
        let name = taken ? "\(stamp)-\(file.name.cleaned)" : file.name.cleaned
        try directory.rejected.write(reason + "\n", as: "\(name).error.txt")
        Boundary.rejectAfterErrorFile.reach()
        _ = try directory.rejected.take(file.name, file.identity, from: directory, as: name, alternative: stamp)
        Boundary.rejectAfterMove.reach()
    }

    /// The time of day as it stands in file names.
    private var stamp: String {
        let seconds = Timestamp(milliseconds: time.wall.milliseconds / 1000 * 1000)
        return seconds.description.filter { $0 != "-" && $0 != ":" }
    }

    private func announce(_ submission: Submission, _ file: DroppedFile) {
        let uid = "\(file.identity.owner)"
        settledDrops.note(submission, DropRequest(name: file.name.display, inode: file.identity.inode))
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
