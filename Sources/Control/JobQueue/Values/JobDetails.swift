package import JobModel

/// Everything the queue knows of one job.
package struct JobDetails: Sendable, Hashable, Codable {
    /// Its line in a listing.
    package var summary: JobSummary
    /// Interruptions so far.
    package var interruptions: Int
    /// Bytes of memory reserved.
    package var memory: Int64
    /// Bytes of disk reserved.
    package var disk: Int64
    /// Lower-case hex digest of the canonical specification.
    package var specSHA256: String
    /// Its dependencies.
    package var dependencies: [DependencyStatus]
    /// The files it reads.
    package var inputs: [InputPin]
    /// Its attempts, oldest first.
    package var attempts: [AttemptDetails]
    /// Its published checkpoints, by step.
    package var checkpoints: [CheckpointDetails]

    // Spelled as the way back from snake_case spells them.
    private enum CodingKeys: String, CodingKey {
        case summary, interruptions, memory, disk
        case specSHA256 = "specSha256"
        case dependencies, inputs, attempts, checkpoints
    }
}

/// One execution.
package struct AttemptDetails: Sendable, Hashable, Codable {
    /// Its number.
    package var number: Int64
    /// `created`, `spawned`, `running`, `stopping` or `ended`.
    package var state: String
    /// How it ended.
    package var outcome: AttemptOutcome?
    /// One sentence about that.
    package var detail: String?
    /// Processors it had.
    package var cpuList: String?
    /// Step it began at.
    package var resumeStep: Int64?
    /// Step it reached.
    package var lastStep: Int64?
    /// Exit code.
    package var exitCode: Int32?
    /// Signal that ended it.
    package var signal: Int32?
    /// Largest resident size, bytes.
    package var maxRSS: Int64?
    /// When it was claimed.
    package var created: Timestamp
    /// When its process began.
    package var spawned: Timestamp?
    /// When it ended.
    package var ended: Timestamp?

    private enum CodingKeys: String, CodingKey {
        case number, state, outcome, detail, cpuList, resumeStep, lastStep, exitCode, signal
        case maxRSS = "maxRss"
        case created, spawned, ended
    }
}

/// One published checkpoint.
package struct CheckpointDetails: Sendable, Hashable, Codable {
    /// Its optimizer step.
    package var step: Int64
    /// The attempt that wrote it.
    package var attempt: Int64
    /// Its directory under `checkpoints/`.
    package var directory: String
    /// Its size.
    package var bytes: Int64
    /// When it was published.
    package var created: Timestamp
}

/// Something that happened.
package struct QueueEvent: Sendable, Hashable, Codable {
    /// Its number; larger is later.
    package var sequence: Int64
    /// When.
    package var time: Timestamp
    /// The job it is about.
    package var job: Int64?
    /// The attempt it is about.
    package var attempt: Int64?
    /// What happened.
    package var type: String
    /// State before.
    package var from: JobState?
    /// State after.
    package var to: JobState?
    /// Who did it.
    package var actor: String
    /// Further facts, as JSON.
    package var data: String?
}

/// Which part of a listing is wanted. Pages follow each other by the number of the last job seen.
package struct JobPage: Sendable, Hashable {
    /// Which jobs.
    package enum Scope: Sendable, Hashable {
        /// Those that have not ended, and the quarantined ones.
        case live
        /// All.
        case all
    }

    /// Which jobs.
    package var scope: Scope
    /// Only jobs with a smaller number; nil begins with the newest.
    package var before: Int64?
    /// At most this many.
    package var limit: Int

    /// A page.
    package init(_ scope: Scope, before: Int64? = nil, limit: Int = 1000) {
        self.scope = scope
        self.before = before
        self.limit = limit
    }
}
