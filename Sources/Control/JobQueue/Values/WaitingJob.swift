package import JobModel

/// A job that has not started: what the scheduler and the preparation decide with.
package struct WaitingJob: Sendable, Hashable {
    /// Job number.
    package var id: Int64
    /// Job name.
    package var name: String
    /// Its queue.
    package var queue: String
    /// User number of its owner.
    package var uid: Int64
    /// As its owner set it.
    package var priority: Int
    /// Cores.
    package var cpus: Int
    /// Bytes of memory.
    package var memory: Int64
    /// Bytes of disk.
    package var disk: Int64
    /// When it came.
    package var submitted: Timestamp
    /// Earliest start.
    package var notBefore: Timestamp?
    /// Longest running time over all attempts.
    package var timeLimit: Milliseconds
    /// Running time of earlier attempts.
    package var ran: Milliseconds
    /// The canonical specification; empty for jobs that only wait for their turn.
    package var spec: [UInt8]
    /// Dependencies that have not ended as wanted, in order.
    package var dependencies: [DependencyStatus]
    /// The files it reads, as far as they are known.
    package var inputs: [InputPin]
    /// Why it waits, as last recorded.
    package var reason: WaitReason?
}

/// A job that waits after a failure.
package struct Backoff: Sendable, Hashable {
    /// Job number.
    package var job: Int64
    /// The attempt that failed.
    package var fence: Int64
    /// When it failed, by the clock of that moment.
    package var since: Timestamp
    /// When it may be tried again, by the same clock.
    package var until: Timestamp
}

/// One `after:` entry and the job it is bound to.
package struct DependencyStatus: Sendable, Hashable, Codable {
    /// The name, where one was written.
    package var name: String?
    /// The job it is bound to; nil while no job of that name has come.
    package var job: Int64?
    /// How that job has to end.
    package var condition: Dependency.Condition
    /// Where that job stands.
    package var state: JobState?

    /// An entry, and how it stands.
    package init(name: String?, job: Int64?, condition: Dependency.Condition, state: JobState?) {
        self.name = name
        self.job = job
        self.condition = condition
        self.state = state
    }

    /// Whether that job has ended as wanted.
    package var isSatisfied: Bool { verdict == .satisfied }

    enum Verdict: Hashable {
        case waiting
        case satisfied
        /// It can no longer end as wanted; `cancel` if the waiting job was only meant for a failure.
        case broken(cancel: Bool)
    }

    var verdict: Verdict {
        guard let state, state.isFinished else { return .waiting }
        switch (condition, state) {
        case (.any, _), (.ok, .succeeded), (.failed, .failed), (.failed, .quarantined): return .satisfied
        case (.ok, _): return .broken(cancel: false)
        case (.failed, _): return .broken(cancel: true)
        }
    }

    var reason: WaitReason {
        if let job, let state { return .dependency(job: job, state: state) }
        return .dependencyName(name: name ?? "")
    }
}

/// A job that was taken, and the attempt that was opened for it.
package struct ClaimedJob: Sendable, Hashable {
    /// Job number.
    package var id: Int64
    /// Job name.
    package var name: String
    /// Number of the attempt; every later write names it.
    package var fence: Int64
    /// The canonical specification.
    package var spec: [UInt8]
    /// Lower-case hex digest of `spec`.
    package var specSHA256: String
    /// The files it reads, with their digests.
    package var inputs: [InputPin]
    /// The jobs its dependencies are bound to, by name.
    package var dependencies: [DependencyStatus]
    /// Running time of earlier attempts.
    package var ran: Milliseconds
}

/// An attempt that has not ended.
package struct OpenAttempt: Sendable, Hashable {
    /// Job number.
    package var job: Int64
    /// Job name.
    package var name: String
    /// Attempt number.
    package var fence: Int64
    /// Process number, once there was a process.
    package var pid: Int32?
    /// Start time of that process in clock ticks since boot.
    package var startTicks: UInt64?
    /// Boot of the kernel it ran under.
    package var bootID: String?
}
