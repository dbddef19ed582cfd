import DurableFiles
import JobModel
import JobQueue

/// What a specification has to pass before it is a job, whichever way it came.
extension Supervisor {
    /// Reads and checks a specification: everything that can be known before the job runs.
    ///
    /// - Parameter replacing: the job takes the place of another, so the queue does not grow.
    func admission(
        of bytes: [UInt8], format: SpecFormat, owner: UInt32, named name: DropName, replacing: Bool = false
    ) async throws -> NewJob {
        let spec = try specification(in: bytes, format, named: name)
        let rules = AdmissionRules(configuration, root: root, machine: machine)
        let inputs = try rules.inputs(of: spec, from: owner, named: name)
        if !replacing { try await refuseFlood(from: owner, named: name) }
        var reservation = Reservation(spec)
        if !inputs.waitsForJobs {
            reservation = Reservation(spec, try await plan(spec, inputs.paths, rules, named: name))
        }
        let canonical = spec.canonicalJSON()
        return NewJob(
            spec: spec, canonical: canonical, specSHA256: SHA256.hex(of: canonical), source: bytes,
            memory: reservation.memory, disk: reservation.disk, inputs: inputs.pins.map { hashed($0, spec) })
    }

    func specification(
        in bytes: [UInt8], _ format: SpecFormat, named name: DropName
    ) throws -> JobSpec {
        do {
            return try JobSpec.decode(bytes, format: format)
        } catch {
            throw Rejection(name, error)
        }
    }

    /// With its digest, if an earlier job has the same file. One that is not as the job wants it is left to be hashed,
    /// which says so.
    private func hashed(_ pin: InputPin, _ spec: JobSpec) -> InputPin {
        guard let digest = hasher.known(pin), (try? Self.check(digest, of: pin, spec)) != nil else { return pin }
        var pin = pin
        pin.sha256 = digest
        return pin
    }

    /// One user's queue has an end, so that nobody's mistake buries everybody else.
    private func refuseFlood(from owner: UInt32, named name: DropName) async throws {
        if unfinished.allows(owner, configuration) { return }
        if !unfinished.isExact { unfinished = UnfinishedCounts(try await store.unfinishedCounts()) }
        if unfinished.allows(owner, configuration) { return }
        throw Rejection(
            name,
            "user \(owner) has \(unfinished[owner]) jobs waiting or running, expected fewer than "
                + "\(configuration.queuedPerUser)")
    }
}

/// How many unfinished jobs each user has, at the most: jobs that come are added, jobs that end stay in it until it is
/// counted anew, which takes a while with a hundred thousand jobs.
struct UnfinishedCounts {
    private var counts: [Int64: Int]?
    /// Nothing has ended since it was counted that matters for what is decided now.
    var isExact = false

    /// Nothing is known.
    init() {}

    /// As they were counted.
    init(_ counts: [Int64: Int]) {
        self.counts = counts
        isExact = true
    }

    subscript(_ owner: UInt32) -> Int { counts?[Int64(owner)] ?? 0 }

    /// A job more.
    mutating func add(_ owner: UInt32) { counts?[Int64(owner), default: 0] += 1 }

    /// Whether it is certain that this user may have one more.
    func allows(_ owner: UInt32, _ configuration: Configuration) -> Bool {
        counts != nil && self[owner] < configuration.queuedPerUser
    }
}
