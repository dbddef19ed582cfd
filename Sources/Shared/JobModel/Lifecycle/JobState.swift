/// Where a job stands. The raw value is what the database and every file store.
package enum JobState: String, Sendable, Hashable, CaseIterable, Codable {
    /// Waits for a person.
    case held
    /// Waits for other jobs or for its inputs to be known.
    case blocked
    /// Waits for its turn.
    case queued
    /// Claimed; the worker does not hold the lock yet.
    case starting
    /// A worker holds the lock.
    case running
    /// The worker was asked to stop.
    case stopping
    /// Waits after a failure.
    case backoff
    case succeeded
    case failed
    case cancelled
    /// Failed too often at the same place to be tried again by itself.
    case quarantined

    /// Nothing happens any more unless a person asks.
    package var isFinished: Bool {
        switch self {
        case .succeeded, .failed, .cancelled, .quarantined: true
        default: false
        }
    }

    /// An attempt is open.
    package var hasOpenAttempt: Bool { self == .starting || self == .running || self == .stopping }

    /// The states a job may enter from this one; the database holds the same table.
    package var successors: Set<JobState> {
        switch self {
        case .held: [.queued, .blocked, .cancelled]
        case .blocked: [.queued, .held, .cancelled, .failed]
        case .queued: [.starting, .held, .cancelled, .blocked]
        case .starting: [.running, .stopping, .queued, .backoff, .failed, .cancelled, .quarantined]
        case .running: [.stopping, .succeeded, .queued, .backoff, .failed, .quarantined]
        case .stopping: [.queued, .held, .cancelled, .succeeded, .backoff, .failed, .quarantined]
        case .backoff: [.queued, .held, .cancelled]
        case .failed, .cancelled, .quarantined: [.queued]
        case .succeeded: []
        }
    }
}

/// What the owner wants of a job; written before it is acted on, so that a crash in between repeats the act.
package enum JobWish: String, Sendable, Hashable, CaseIterable, Codable {
    case run
    /// Stop with a checkpoint and stay held.
    case pause
    case cancel
}
