/// Everything about a job that its state machine decides with. One value per job; `applying` never changes it in place.
package struct Lifecycle: Sendable, Hashable {
    /// Where it stands.
    package var state: JobState
    /// What its owner wants.
    package var wish: JobWish
    /// Number of the newest attempt.
    package var fence: Int64
    /// Failures since it last got further.
    package var failures: Int
    /// Interruptions so far.
    package var interruptions: Int
    /// The furthest optimizer step that any attempt reached.
    package var bestStep: Int64
    /// Earliest next start after a failure; only meaningful in `backoff`.
    package var backoffUntil: Timestamp?

    /// A job as it is born.
    package init(
        state: JobState, wish: JobWish = .run, fence: Int64 = 0, failures: Int = 0, interruptions: Int = 0,
        bestStep: Int64 = 0, backoffUntil: Timestamp? = nil
    ) {
        self.state = state
        self.wish = wish
        self.fence = fence
        self.failures = failures
        self.interruptions = interruptions
        self.bestStep = bestStep
        self.backoffUntil = backoffUntil
    }

    /// The state a new job is born in.
    package static func birth(hold: Bool, isReady: Bool) -> Lifecycle {
        Lifecycle(state: hold ? .held : isReady ? .queued : .blocked, wish: hold ? .pause : .run)
    }
}

/// Something that happens to a job.
package enum LifecycleEvent: Sendable, Hashable {
    /// Dependencies have ended as wanted and inputs are known.
    case ready
    /// It has to wait again, for instance for an input to be hashed anew.
    case unready
    /// A dependency ended otherwise than wanted; `cancel` when the job was to run only after a failure.
    case dependencyBroken(cancel: Bool)
    /// The scheduler takes it.
    case claimed
    /// The worker holds the lock.
    case lockHeld
    /// The worker is asked to stop; the wish stays as it is.
    case stopRequested
    /// The attempt is over.
    case attemptEnded(AttemptReport)
    /// The waiting time after a failure is over.
    case backoffExpired
    /// The owner's wish changes; `ready` says whether dependencies and inputs allow it to be queued.
    case wished(JobWish, ready: Bool)
    /// A person asks for another try of a job that has ended without success.
    case retried
}

/// What is known about an attempt that is over.
package struct AttemptReport: Sendable, Hashable {
    /// How it ended.
    package var ending: AttemptEnding
    /// The furthest optimizer step it reached.
    package var lastStep: Int64
    /// Newest attempts in a row that ended like this at this step, this one included.
    package var repeats: Int
    /// What is tried again.
    package var policy: RetryPolicy
    /// Now.
    package var now: Timestamp
    /// 0 ..< 1, drawn by the caller.
    package var jitter: Double

    /// A report.
    package init(
        _ ending: AttemptEnding, lastStep: Int64, repeats: Int, policy: RetryPolicy, now: Timestamp, jitter: Double = 0
    ) {
        self.ending = ending
        self.lastStep = lastStep
        self.repeats = repeats
        self.policy = policy
        self.now = now
        self.jitter = jitter
    }
}

/// What an event does to a job.
package enum Transition: Sendable, Hashable {
    /// It becomes `lifecycle`. `path` lists the states it passes, the new one last; empty when the state stays.
    case becomes(Lifecycle, path: [JobState])
    /// The event does not apply in this state.
    case refused(String)
}
