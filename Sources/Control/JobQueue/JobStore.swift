package import JobModel

/// The durable queue. Every call is one transaction; what it returns is on disk.
///
/// Writes about an attempt name its fence. A write with an old fence changes nothing, leaves a `stale_write_refused`
/// event and throws `StoreError.staleWrite`.
package protocol JobStore: Sendable {
    // MARK: Dropped files

    /// What became of each of these very files, if it was examined before and its move is still to be recorded.
    ///
    /// `wasRead` is false for a file whose bytes are not known; then its digest is not compared.
    func submissionsInDrop(_ files: [(file: SubmittedFile, wasRead: Bool)]) async throws -> [Submission?]

    /// Records what becomes of files, in this order and in one transaction: for each that is accepted the job, its
    /// dependencies, its inputs and the record of the file, all or nothing; for each that is not, the reason.
    ///
    /// The same file again gives the same submission; the same idempotency key and content gives the job there is.
    /// Another content under a known key, an unknown job number or a circle of dependencies is a refusal, which records
    /// nothing of that file and hinders no other.
    /// - Parameter moved: submissions whose files have left the drop directory, recorded on the occasion.
    func ingest(_ drops: [ExaminedDrop], moved: [Int64], now: Timestamp) async throws -> [DropVerdict]

    /// Records that the files of submissions have left the drop directory.
    func markMoved(_ submissions: [Int64]) async throws

    /// Submissions whose files were not recorded as having left the drop directory.
    func unmovedSubmissions() async throws -> [(id: Int64, file: SubmittedFile)]

    // MARK: Preparing

    /// Jobs that wait for dependencies or inputs, in order of number.
    func blockedJobs() async throws -> [WaitingJob]

    /// Adds input files that became known later (published artifacts of a dependency); known ones stay as they are.
    func addInputs(_ pins: [InputPin], to job: Int64, now: Timestamp) async throws

    /// Records the digests of input files, each once, by job.
    func pinInputs(_ pins: [Int64: [InputPin]], now: Timestamp) async throws

    /// Replaces the reservation of a job that is not running.
    func reserve(_ job: Int64, memory: Int64, disk: Int64) async throws

    /// Ends a job that never ran, for a reason found after its admission.
    func fail(_ job: Int64, outcome: AttemptOutcome, detail: String, now: Timestamp) async throws

    /// Records why jobs wait; reasons that have not changed are not written.
    func explain(_ reasons: [Int64: WaitReason]) async throws

    // MARK: Scheduling

    /// Jobs that may start, in order of priority and number.
    func queuedJobs() async throws -> [WaitingJob]

    /// Takes a job: raises its fence and opens an attempt, before anything is started. Nil if it is no longer to be
    /// had.
    func claim(_ job: Int64, cores: [Int], memory: Int64, now: Timestamp) async throws -> ClaimedJob?

    /// Jobs that wait after a failure, in order of number.
    func backoffs() async throws -> [Backoff]

    /// Puts those of these jobs that still wait after a failure back into the queue.
    func endBackoffs(of jobs: [Int64], now: Timestamp) async throws

    // MARK: Attempts

    /// Records the process of an attempt.
    func attemptSpawned(
        _ job: Int64, fence: Int64, pid: Int32, startTicks: UInt64, bootID: String, now: Timestamp) async throws

    /// The worker holds the lock: the job runs.
    func attemptRunning(_ job: Int64, fence: Int64, resumeStep: Int64, now: Timestamp) async throws

    /// A sign of life and how far the attempt is.
    func attemptProgressed(_ job: Int64, fence: Int64, step: Int64, now: Timestamp) async throws

    /// The worker was asked to stop.
    func attemptStopping(_ job: Int64, fence: Int64, now: Timestamp) async throws

    /// A checkpoint is published.
    func checkpointSaved(_ job: Int64, fence: Int64, _ checkpoint: CheckpointEvent, now: Timestamp) async throws

    /// The attempt is over; the state machine decides what becomes of the job, and its dependants follow.
    ///
    /// - Parameters:
    ///   - policy: what is tried again; nil: what the specification says.
    /// - Returns: the state of the job.
    func attemptEnded(
        _ job: Int64, fence: Int64, _ ending: AttemptEnding, detail: String, step: Int64,
        exit: (code: Int32?, signal: Int32?), usage: WorkerUsage?, policy: RetryPolicy?, now: Timestamp
    ) async throws -> JobState

    /// Attempts that have not ended, for recovery.
    func openAttempts() async throws -> [OpenAttempt]

    // MARK: Wishes

    /// Records what the owner wants and acts on it as far as the store can; a running worker has to be told.
    ///
    /// - Parameter onlyWaiting: refuse it for a job with an open attempt.
    func setWish(
        _ wish: JobWish, for job: Int64, onlyWaiting: Bool, actor: String, now: Timestamp
    ) async throws -> JobState

    /// Another try for a job that has ended without success; the next one at once for a job that waits after a failure.
    func retry(_ job: Int64, actor: String, now: Timestamp) async throws -> JobState

    /// Changes the place of an unfinished job in the order.
    func setPriority(_ priority: Int, for job: Int64, actor: String, now: Timestamp) async throws

    /// Puts another job into the place of one that waits, which is cancelled: what a job is never changes.
    ///
    /// Refused for a job that runs or has ended, and for one that other jobs wait for.
    /// - Returns: the number of the new job.
    func replace(_ job: Int64, with other: NewJob, actor: String, now: Timestamp) async throws -> Int64

    /// Records who asked that the open attempt of a job saves and ends, and that it is stopping.
    ///
    /// Refused for a job without one.
    func requestStop(of job: Int64, actor: String, now: Timestamp) async throws

    /// Records who asked that the open attempt of a job saves and goes on. Refused for a job without one.
    func requestCheckpoint(of job: Int64, actor: String, now: Timestamp) async throws

    /// Makes a job of a specification that no file was dropped for: as `submit`, but without the record of a file.
    ///
    /// - Returns: its number, and whether an idempotency key says that it was there already.
    func accept(
        _ job: NewJob, from uid: Int64, actor: String, now: Timestamp
    ) async throws -> (job: Int64, isNew: Bool)

    /// Records that files of an ended job are about to be removed, or with `dryRun` only finds out whether they may be.
    /// Refused for one that has not ended, and for one that unfinished jobs wait for.
    func requestCleaning(of job: Int64, what: [String], dryRun: Bool, actor: String, now: Timestamp) async throws

    /// Jobs that ended before a moment and are not quarantined, after a number, in order of number.
    func endedJobs(before moment: Timestamp, after job: Int64, limit: Int) async throws -> [JobSummary]

    /// The file of a job as it was dropped.
    func source(of job: Int64) async throws -> [UInt8]?

    // MARK: Reading

    /// One job.
    func job(_ id: Int64) async throws -> JobDetails?

    /// The jobs with these numbers, in this order; those that are not there are left out.
    func summaries(of jobs: [Int64]) async throws -> [JobSummary]

    /// Names of the run directories of the jobs with these numbers, as far as there are such jobs.
    func runNames(of jobs: [Int64]) async throws -> Set<String>

    /// The newest job of a name, of one user or of any.
    func newestJob(named name: String, uid: Int64?) async throws -> Int64?

    /// A page of a listing.
    func jobs(_ page: JobPage) async throws -> [JobSummary]

    /// How many unfinished jobs there are in each state.
    func liveCounts() async throws -> [JobState: Int]

    /// The same for each queue.
    func queueCounts() async throws -> [String: [JobState: Int]]

    /// How many unfinished jobs each user has.
    func unfinishedCounts() async throws -> [Int64: Int]

    /// Events after a number, oldest first; of one job or of all.
    func events(after sequence: Int64, job: Int64?, limit: Int) async throws -> [QueueEvent]

    /// Number of the newest event.
    func lastSequence() async throws -> Int64

    /// How many jobs have ended otherwise than with success after that event and were not tried again since.
    func unsuccessfulEnds(after sequence: Int64) async throws -> Int

    /// Whether the queue starts nothing.
    func isDraining() async throws -> Bool

    /// Switches draining on or off.
    func setDraining(_ draining: Bool, actor: String, now: Timestamp) async throws

    /// What `changeSetting` recorded under names that begin so, by name.
    func settings(_ prefix: String) async throws -> [String: String]

    /// Changes a setting that outlives the daemon; nil is one that is not there. No other change comes in between.
    ///
    /// - Returns: what it is now, and the number of the event that says so: later changes have larger ones.
    func changeSetting(
        _ name: String, actor: String, now: Timestamp, _ change: @escaping @Sendable (String?) throws -> String?
    ) async throws -> (value: String?, sequence: Int64)
}

extension JobStore {
    /// What became of this very file.
    package func submissionInDrop(_ file: SubmittedFile, wasRead: Bool = true) async throws -> Submission? {
        try await submissionsInDrop([(file, wasRead)])[0]
    }

    /// Makes a job of one file; throws `StoreError.refused` for a refusal.
    package func submit(_ job: NewJob, from file: SubmittedFile, now: Timestamp) async throws -> Submission {
        try await ingest(ExaminedDrop(file, .accept(job)), now: now)
    }

    /// Records that a file was refused.
    package func reject(_ file: SubmittedFile, reason: String, now: Timestamp) async throws -> Submission {
        try await ingest(ExaminedDrop(file, .reject(reason: reason)), now: now)
    }

    private func ingest(_ drop: ExaminedDrop, now: Timestamp) async throws -> Submission {
        switch try await ingest([drop], moved: [], now: now)[0] {
        case .recorded(let submission): return submission
        case .refused(let reason): throw StoreError.refused(reason)
        }
    }

    /// Records what the owner wants, whether the job runs or waits.
    package func setWish(
        _ wish: JobWish, for job: Int64, actor: String, now: Timestamp
    ) async throws -> JobState {
        try await setWish(wish, for: job, onlyWaiting: false, actor: actor, now: now)
    }
}
