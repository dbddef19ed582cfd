/// Limits of a queue as set while the daemon runs; what is nil stays as it is.
package struct QueueSettings: Sendable, Hashable, Codable, CustomStringConvertible {
    /// Jobs at a time.
    package var maxRunning: Int?
    /// Cores at a time.
    package var maxCpus: Int?
    /// Added to the priority of its jobs.
    package var priority: Int?

    /// Settings.
    package init(maxRunning: Int? = nil, maxCpus: Int? = nil, priority: Int? = nil) {
        self.maxRunning = maxRunning
        self.maxCpus = maxCpus
        self.priority = priority
    }

    /// Whether nothing is set.
    package var isEmpty: Bool { self == QueueSettings() }

    /// These, with what the others set in their place.
    package func merged(with other: QueueSettings) -> QueueSettings {
        QueueSettings(
            maxRunning: other.maxRunning ?? maxRunning, maxCpus: other.maxCpus ?? maxCpus,
            priority: other.priority ?? priority)
    }

    /// What is missing or out of range; nil if nothing is.
    package var complaint: String? {
        if isEmpty { return "nothing to set, expected max_running, max_cpus or priority" }
        if let maxRunning, !(0...100_000).contains(maxRunning) {
            return "max_running: \(maxRunning), expected a whole number from 0 to 100000"
        }
        if let maxCpus, !(0...4096).contains(maxCpus) {
            return "max_cpus: \(maxCpus), expected a whole number from 0 to 4096"
        }
        if let priority, !PriorityRequest.range.contains(priority) {
            return "priority: \(priority), expected a whole number from -1000 to 1000"
        }
        return nil
    }

    package var description: String {
        let parts = [
            maxRunning.map { "at most \($0) jobs" }, maxCpus.map { "at most \($0) cores" },
            priority.map { "priority \($0)" },
        ]
        return parts.compactMap { $0 }.joined(separator: ", ")
    }
}

/// One queue.
package struct QueueRecord: Sendable, Hashable, Codable {
    /// Its name.
    package var name: String
    /// Its limits as they hold now; nil where there is none.
    package var settings: QueueSettings
    /// Unfinished and quarantined jobs by state.
    package var jobs: [String: Int]
    /// Something was set that the configuration does not say.
    package var isChanged: Bool

    /// A queue.
    package init(name: String, settings: QueueSettings, jobs: [String: Int], isChanged: Bool) {
        self.name = name
        self.settings = settings
        self.jobs = jobs
        self.isChanged = isChanged
    }
}

/// Asks for the files of ended jobs to be removed.
package struct CleanRequest: Sendable, Hashable, Codable {
    /// Only of jobs that ended at least this long ago, milliseconds.
    package var olderMs: Int64
    /// What they published stays.
    package var keepArtifacts: Bool
    /// Only say what would be removed.
    package var dryRun: Bool

    /// A request.
    package init(olderMs: Int64, keepArtifacts: Bool, dryRun: Bool) {
        self.olderMs = olderMs
        self.keepArtifacts = keepArtifacts
        self.dryRun = dryRun
    }
}

/// What was removed.
package struct CleanAnswer: Sendable, Hashable, Codable {
    /// The jobs, in order of number.
    package var jobs: [Int64]
    /// Bytes on the disk.
    package var bytes: Int64
    /// Jobs that keep their files since others need them, or since they could not be removed, with the reason.
    package var kept: [String]

    /// An answer.
    package init(jobs: [Int64] = [], bytes: Int64 = 0, kept: [String] = []) {
        self.jobs = jobs
        self.bytes = bytes
        self.kept = kept
    }
}
