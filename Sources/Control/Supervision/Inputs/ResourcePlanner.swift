package import JobModel

/// What a job will need, measured by the code that will use it.
package struct ResourcePlan: Sendable, Hashable, Codable {
    /// Bytes of memory of the whole process.
    package var memory: Int64
    /// Bytes of one checkpoint.
    package var checkpoint: Int64
    /// Bytes of what is published.
    package var artifacts: Int64
    /// Optimizer steps; nil where only the run will tell.
    package var steps: Int64?

    /// A plan.
    package init(memory: Int64, checkpoint: Int64, artifacts: Int64, steps: Int64? = nil) {
        self.memory = memory
        self.checkpoint = checkpoint
        self.artifacts = artifacts
        self.steps = steps
    }

    /// Bytes to reserve: what the specification says, else the plan with a margin for what it cannot see.
    package func reservedMemory(_ request: ByteReservation) -> Int64 {
        if case .bytes(let bytes) = request { return bytes }
        return memory + memory / 100 * 15
    }

    /// Bytes of disk for the checkpoints that are kept, one being written and one being removed, and the artifacts.
    package func reservedDisk(_ spec: JobSpec) -> Int64 {
        if case .bytes(let bytes) = spec.resources.disk { return bytes }
        return Int64(spec.checkpoint.keepLast + 2) * checkpoint + artifacts
    }
}

/// Why there is no plan.
package enum PlanFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The job can never run as it is; the text says why.
    case refused(String)
    /// The planner itself did not work; nothing is said about the job.
    case unavailable(String)

    package var description: String {
        switch self {
        case .refused(let text): text
        case .unavailable(let text): "no plan: \(text)"
        }
    }
}

/// Measures jobs before they run.
package protocol ResourcePlanner: Sendable {
    /// The plan of a specification whose inputs lie at these absolute paths.
    func plan(_ spec: JobSpec, inputs: [InputRole: String]) async throws(PlanFailure) -> ResourcePlan
}
