import JobModel

/// What is reserved for a job while it runs.
struct Reservation: Hashable {
    /// Bytes.
    let memory: Int64
    /// Bytes.
    let disk: Int64

    /// As planned.
    init(_ spec: JobSpec, _ plan: ResourcePlan) {
        memory = plan.reservedMemory(spec.resources.memory)
        disk = plan.reservedDisk(spec)
    }

    /// As far as it can be said while an input is still to come from another job. The plan follows before the start.
    init(_ spec: JobSpec) {
        if case .bytes(let bytes) = spec.resources.memory { memory = bytes } else { memory = Self.unknownMemory }
        if case .bytes(let bytes) = spec.resources.disk { disk = bytes } else { disk = 0 }
    }

    private static let unknownMemory: Int64 = 512 << 20
}
