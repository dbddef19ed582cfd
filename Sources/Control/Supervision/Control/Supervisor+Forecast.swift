package import JobModel
import JobQueue

/// A look ahead, which changes nothing.
extension Supervisor {
    /// Whether a job of the specification in `bytes` would start if it were submitted now, and why not. It is checked and
    /// measured as if it were submitted.
    package func forecast(_ bytes: [UInt8], by requester: Requester) async throws -> JobForecast {
        let format = Self.format(of: bytes)
        let name = DropName(format == .json ? "request.json" : "request.yaml")
        let job = try await checked(bytes, format, owner: requester.uid, named: name)
        return JobForecast(
            name: job.spec.name, cpus: job.spec.resources.cpus, memory: job.memory, disk: job.disk,
            reason: try await reasonToWait(job, owner: requester.uid))
    }

    private func reasonToWait(_ job: NewJob, owner: UInt32) async throws -> WaitReason? {
        let spec = job.spec
        if spec.hold { return .held(by: "its specification") }
        for dependency in spec.dependencies {
            if let reason = try await reasonToWait(for: dependency, owner: owner) { return reason }
        }
        if let reason = try await reasonToStartNothing() { return reason }
        // Younger than all others, so it stands behind those of its priority.
        let candidate = Scheduler.Waiting(
            id: .max, priority: spec.priority, submitted: time.wall, queue: spec.queue, cpus: spec.resources.cpus,
            memory: job.memory, disk: job.disk, notBefore: spec.notBefore, timeLeft: spec.resources.timeLimit)
        let queued = try await store.queuedJobs()
        return decision(with: queued.map(Self.waiting) + [candidate]).reasons[candidate.id]
    }

    private func reasonToWait(for dependency: Dependency, owner: UInt32) async throws -> WaitReason? {
        let number: Int64
        switch dependency.target {
        case .number(let job): number = job
        case .name(let name):
            guard let newest = try await store.newestJob(named: name, uid: Int64(owner)) else {
                return .dependencyName(name: name)
            }
            number = newest
        }
        guard let other = try await store.summaries(of: [number]).first else { throw ControlError.noSuchJob("\(number)") }
        let status = DependencyStatus(name: nil, job: number, condition: dependency.condition, state: other.state)
        return status.isSatisfied ? nil : .dependency(job: number, state: other.state)
    }
}
