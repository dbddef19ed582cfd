package import JobModel

/// What an administrator may set. Everything has a default; a missing file is an empty one.
package struct Configuration: Sendable, Hashable {
    /// Further directories below which models are looked up, after the one of the root.
    package var modelRoots: [String] = []
    /// Further directories below which rows are looked up, after the one of the root.
    package var datasetRoots: [String] = []
    /// Users (names or numbers) who may submit; empty: everybody who can write the drop directory.
    package var allowUsers: [String] = []
    /// Groups whose members may submit; empty: everybody who can write the drop directory, unless `allowUsers` says
    /// otherwise.
    package var allowGroups: [String] = []
    /// Groups whose members may change everybody's jobs and drain the queue.
    package var adminGroups: [String] = ["hone-admin"]
    /// A running job may be stopped for one of higher priority after this time; nil: never.
    package var preemptAfter: Milliseconds?
    /// Time between two lines in the journal about a running job.
    package var progressInterval = Milliseconds(seconds: 300)
    /// Processors to use at most.
    package var cpus: Int?
    /// Bytes of memory to use at most.
    package var memory: Int64?
    /// Cores kept for the system; nil: one from four up.
    package var reserveCores: Int?
    /// Limits by name of queue. Jobs may name only these and `default`.
    package var queues: [String: Scheduler.QueueLimits] = [:]
    /// Jobs one user may have waiting or running.
    package var queuedPerUser = 1000
    /// The longest `resources.time_limit` a job may ask for.
    package var timeLimit = Milliseconds(seconds: 7 * 86_400)
    /// Size at which the log of an attempt is cut.
    package var logBytes: Int64 = 256 << 20

    /// The defaults.
    package init() {}

    /// The roots of inputs under `root` with this configuration.
    package func inputRoots(_ root: Root) -> InputRoots {
        InputRoots(models: [root.models] + modelRoots, datasets: [root.datasets] + datasetRoots)
    }

    /// The machine with this configuration.
    package func machine() -> Machine { .detect(cpus: cpus, memory: memory, reserveCores: reserveCores) }

    /// Whether a user may submit jobs and change own ones.
    package func allows(uid: UInt32, name: String?, groups: Set<String>) -> Bool {
        if allowUsers.isEmpty && allowGroups.isEmpty { return true }
        return allowUsers.contains { UInt32($0) == uid || $0 == name } || !groups.isDisjoint(with: allowGroups)
    }

    /// Whether jobs may name this queue.
    package func hasQueue(_ name: String) -> Bool { name == "default" || queues[name] != nil }
}

/// What is wrong with a configuration: one line for each error, `file:line:column: error: key: message`.
package struct ConfigurationErrors: Error, Sendable, Hashable, CustomStringConvertible {
    /// The lines.
    package let lines: [String]

    package var description: String { lines.joined(separator: "\n") }
}
