/// What can be asked for one job through the daemon's socket; the raw value ends the path of the request.
package enum JobVerb: String, Sendable, Hashable, CaseIterable, Codable {
    /// Stop for good; a running job saves a checkpoint first.
    case cancel
    /// Keep a waiting job from starting.
    case hold
    /// Let a held job go.
    case release
    /// Save and stop if running; stay held in any case.
    case pause
    /// Go on after a pause; the same as `release`.
    case resume
    /// Another try of a job that ended without success, or the next one at once.
    case retry
    /// Save, stop, and wait for the next turn.
    case stop
    /// Save a checkpoint and go on.
    case ckpt
}

/// How a job stands after what was asked for.
package struct ControlAnswer: Sendable, Hashable, Codable {
    /// Job number.
    package var job: Int64
    /// Job name.
    package var name: String
    /// Where it stands now.
    package var state: JobState
    /// What it wants to be, which a running job still has to reach.
    package var want: JobWish
    /// One sentence for people.
    package var message: String

    /// An answer.
    package init(job: Int64, name: String, state: JobState, want: JobWish, message: String) {
        self.job = job
        self.name = name
        self.state = state
        self.want = want
        self.message = message
    }
}

/// Why a request was not done.
package struct ControlRefusal: Sendable, Hashable, Codable {
    /// For people.
    package var error: String

    /// A refusal.
    package init(error: String) { self.error = error }
}

/// A new priority.
package struct PriorityRequest: Sendable, Hashable, Codable {
    /// Larger first.
    package var priority: Int

    /// The priorities a job may have.
    package static let range = -1000...1000

    /// A request.
    package init(priority: Int) { self.priority = priority }
}

/// Asks what became of a file that was just dropped; the daemon looks at once.
package struct DropRequest: Sendable, Hashable, Codable {
    /// Its name in the drop directory.
    package var name: String
    /// Its inode number, since names come back.
    package var inode: Int64

    /// A request.
    package init(name: String, inode: Int64) {
        self.name = name
        self.inode = inode
    }
}

/// What became of a dropped file.
package struct DropAnswer: Sendable, Hashable, Codable {
    /// Where the file stands.
    package enum Outcome: String, Sendable, Hashable, Codable {
        case accepted
        case rejected
        /// Its job was there already.
        case duplicate
        /// Not looked at yet: it may still be written to, or the daemon has much to do.
        case waiting
    }

    /// Where the file stands.
    package var outcome: Outcome
    /// Its job.
    package var job: Int64?
    /// Name of that job.
    package var name: String?
    /// Why it was rejected, a line for each error.
    package var reason: String?

    /// An answer.
    package init(outcome: Outcome, job: Int64? = nil, name: String? = nil, reason: String? = nil) {
        self.outcome = outcome
        self.job = job
        self.name = name
        self.reason = reason
    }
}

/// Whether a job would start if it were submitted now.
package struct JobForecast: Sendable, Hashable, Codable {
    /// Job name.
    package var name: String
    /// Cores it reserves.
    package var cpus: Int
    /// Bytes of memory it reserves.
    package var memory: Int64
    /// Bytes of disk it reserves.
    package var disk: Int64
    /// Why it would wait; nil if it would start.
    package var reason: WaitReason?

    /// A look ahead.
    package init(name: String, cpus: Int, memory: Int64, disk: Int64, reason: WaitReason?) {
        self.name = name
        self.cpus = cpus
        self.memory = memory
        self.disk = disk
        self.reason = reason
    }
}

/// How the daemon itself stands.
package struct DaemonRecord: Sendable, Hashable, Codable {
    /// Its process.
    package var pid: Int32
    /// Since when it runs.
    package var started: Timestamp
    /// It starts no job.
    package var draining: Bool
    /// Why it cannot work normally; nil when it can.
    package var degraded: String?
    /// Processors for jobs.
    package var cores: Int
    /// Processors that jobs hold now.
    package var busyCores: Int
    /// Bytes for jobs.
    package var memory: Int64
    /// Bytes that jobs hold now.
    package var reservedMemory: Int64
    /// Bytes that are free for checkpoints and artifacts.
    package var freeDisk: Int64
    /// Unfinished and quarantined jobs by state.
    package var jobs: [String: Int]
    /// The line of `systemctl status`.
    package var status: String

    /// How it stands.
    package init(
        pid: Int32, started: Timestamp, draining: Bool, degraded: String?, cores: Int, busyCores: Int, memory: Int64,
        reservedMemory: Int64, freeDisk: Int64, jobs: [String: Int], status: String
    ) {
        self.pid = pid
        self.started = started
        self.draining = draining
        self.degraded = degraded
        self.cores = cores
        self.busyCores = busyCores
        self.memory = memory
        self.reservedMemory = reservedMemory
        self.freeDisk = freeDisk
        self.jobs = jobs
        self.status = status
    }
}
