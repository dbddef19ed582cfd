/// One line of a listing.
package struct JobSummary: Sendable, Hashable, Codable {
    /// Job number.
    package var id: Int64
    /// Job name.
    package var name: String
    /// What it computes.
    package var method: String
    /// Its queue.
    package var queue: String
    /// User number of its owner.
    package var uid: Int64
    /// Larger first.
    package var priority: Int
    /// Where it stands.
    package var state: JobState
    /// Since when.
    package var stateSince: Timestamp
    /// What its owner wants.
    package var want: JobWish
    /// Cores it reserves.
    package var cpus: Int
    /// Number of the newest attempt; 0 before the first.
    package var attempt: Int64
    /// Failures since it last got further.
    package var failures: Int
    /// Furthest optimizer step recorded.
    package var bestStep: Int64
    /// Why it is not running.
    package var reason: WaitReason?
    /// When it came.
    package var submitted: Timestamp
    /// When it ended.
    package var finished: Timestamp?

    /// One line of a listing.
    package init(
        id: Int64, name: String, method: String, queue: String, uid: Int64, priority: Int, state: JobState,
        stateSince: Timestamp, want: JobWish, cpus: Int, attempt: Int64, failures: Int, bestStep: Int64,
        reason: WaitReason?, submitted: Timestamp, finished: Timestamp?
    ) {
        self.id = id
        self.name = name
        self.method = method
        self.queue = queue
        self.uid = uid
        self.priority = priority
        self.state = state
        self.stateSince = stateSince
        self.want = want
        self.cpus = cpus
        self.attempt = attempt
        self.failures = failures
        self.bestStep = bestStep
        self.reason = reason
        self.submitted = submitted
        self.finished = finished
    }

    /// Name of its directory under `runs/`.
    package var runDirectory: String { "\(id)-\(name)" }
}
