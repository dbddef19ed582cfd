package import JobModel

/// Decides which waiting jobs start now, and why the others do not. Pure: values in, values out.
///
/// Order is priority, raised by one for every six hours of waiting, then job number. The first job that does not fit
/// gets a reservation at the time it will; others may pass it only if they end before, or use what it leaves (EASY
/// backfill). So a large job is never starved by small ones, and small ones fill the gaps.
package struct Scheduler: Sendable {
    /// What a queue allows.
    package struct QueueLimits: Sendable, Hashable {
        /// Jobs at a time; nil: any number.
        package var maxRunning: Int?
        /// Cores at a time; nil: all.
        package var maxCPUs: Int?
        /// Added to the priority of its jobs.
        package var priority = 0

        /// No limits.
        package init() {}
    }

    /// What there is to give away in all.
    package struct Capacity: Sendable, Hashable {
        /// Processor numbers, neighbours next to each other.
        package var cores: [Int]
        /// Bytes.
        package var memory: Int64
        /// Bytes free for checkpoints and artifacts, above the floor that is kept.
        package var disk: Int64
        /// Limits by name of queue; a queue that is not listed has none.
        package var queues: [String: QueueLimits]

        /// A capacity.
        package init(cores: [Int], memory: Int64, disk: Int64 = .max, queues: [String: QueueLimits] = [:]) {
            self.cores = cores
            self.memory = memory
            self.disk = disk
            self.queues = queues
        }
    }

    /// What a job asks for.
    package struct Waiting: Sendable, Hashable {
        /// Job number.
        package var id: Int64
        /// As its owner set it.
        package var priority: Int
        /// When it came.
        package var submitted: Timestamp
        /// Name of its queue.
        package var queue: String
        /// Cores.
        package var cpus: Int
        /// Bytes of memory.
        package var memory: Int64
        /// Bytes of disk.
        package var disk: Int64
        /// Earliest start.
        package var notBefore: Timestamp?
        /// Longest time it may run from now.
        package var timeLeft: Milliseconds

        /// A waiting job.
        package init(
            id: Int64, priority: Int = 0, submitted: Timestamp, queue: String = "default", cpus: Int, memory: Int64,
            disk: Int64 = 0, notBefore: Timestamp? = nil, timeLeft: Milliseconds
        ) {
            self.id = id
            self.priority = priority
            self.submitted = submitted
            self.queue = queue
            self.cpus = cpus
            self.memory = memory
            self.disk = disk
            self.notBefore = notBefore
            self.timeLeft = timeLeft
        }
    }

    /// What a running job holds.
    package struct Running: Sendable, Hashable {
        /// Job number.
        package var id: Int64
        /// Name of its queue.
        package var queue: String
        /// Its processors.
        package var cores: [Int]
        /// Bytes of memory.
        package var memory: Int64
        /// When it will have ended at the latest.
        package var until: Timestamp
        /// As its owner set it.
        package var priority: Int
        /// When it came.
        package var submitted: Timestamp
        /// How long this attempt has been running.
        package var ran: Milliseconds
        /// Its worker was asked to stop.
        package var isEnding: Bool

        /// A running job.
        package init(
            id: Int64, queue: String = "default", cores: [Int], memory: Int64, until: Timestamp, priority: Int = 0,
            submitted: Timestamp = Timestamp(milliseconds: 0), ran: Milliseconds = Milliseconds(0),
            isEnding: Bool = false
        ) {
            self.id = id
            self.queue = queue
            self.cores = cores
            self.memory = memory
            self.until = until
            self.priority = priority
            self.submitted = submitted
            self.ran = ran
            self.isEnding = isEnding
        }
    }

    /// A job to start on these processors.
    package struct Start: Sendable, Hashable {
        /// Job number.
        package let id: Int64
        /// Its processors, for it alone.
        package let cores: [Int]
    }

    /// A running job that has to save and make room.
    package struct Eviction: Sendable, Hashable {
        /// Job number.
        package let id: Int64
        /// The job it makes room for.
        package let by: Int64
    }

    /// The outcome.
    package struct Decision: Sendable, Hashable {
        /// Jobs to start, in this order.
        package var starts: [Start] = []
        /// Running jobs to stop, with a checkpoint.
        package var evictions: [Eviction] = []
        /// Why each of the others waits.
        package var reasons: [Int64: WaitReason] = [:]
    }

    /// One priority for this much waiting.
    package static let ageing = Milliseconds(seconds: 6 * 3600)

    /// Decides for this moment.
    ///
    /// - Parameter preemptAfter: running time after which a job may have to make room for one of higher priority;
    ///   nil: none ever has to.
    package static func decide(
        waiting: [Waiting], running: [Running], capacity: Capacity, now: Timestamp, preemptAfter: Milliseconds? = nil
    ) -> Decision {
        var plan = Plan(running: running, capacity: capacity, now: now)
        let ordered = inOrder(waiting, queues: capacity.queues, now: now)
        for job in ordered { plan.consider(job) }
        var decision = plan.decision
        if let preemptAfter, let first = plan.firstShort {
            let preemption = Preemption(queues: capacity.queues, after: preemptAfter, now: now)
            decision.evictions = preemption.evictions(
                for: first, running: running, freeCores: plan.freeCores.count, freeMemory: plan.freeMemory)
        }
        return decision
    }

    static func inOrder(_ jobs: [Waiting], queues: [String: QueueLimits], now: Timestamp) -> [Waiting] {
        func rank(_ job: Waiting) -> Int64 {
            Int64(job.priority + (queues[job.queue]?.priority ?? 0)) + age(since: job.submitted, now: now)
        }
        return jobs.sorted { (rank($1), $0.id) < (rank($0), $1.id) }
    }

    /// What waiting since `submitted` adds to a priority.
    static func age(since submitted: Timestamp, now: Timestamp) -> Int64 {
        max(0, now.milliseconds - submitted.milliseconds) / ageing.value
    }
}

/// The state of one decision.
private struct Plan {
    /// What the first job that does not fit will need, and when.
    struct Reservation {
        let at: Timestamp
        var spareCores: Int
        var spareMemory: Int64
    }

    let capacity: Scheduler.Capacity
    let now: Timestamp
    var running: [Scheduler.Running]
    var freeCores: [Int]
    var freeMemory: Int64
    var freeDisk: Int64
    var reservation: Reservation?
    /// The first job that does not fit, for which others may have to make room.
    var firstShort: Scheduler.Waiting?
    var decision = Scheduler.Decision()

    init(running: [Scheduler.Running], capacity: Scheduler.Capacity, now: Timestamp) {
        self.capacity = capacity
        self.now = now
        self.running = running
        let taken = Set(running.flatMap(\.cores))
        freeCores = capacity.cores.filter { !taken.contains($0) }
        freeMemory = capacity.memory - running.reduce(0) { $0 + $1.memory }
        freeDisk = capacity.disk
    }

    mutating func consider(_ job: Scheduler.Waiting) {
        if let reason = barred(job) {
            decision.reasons[job.id] = reason
        } else if let shortage = shortage(job) {
            if reservation == nil { reservation = earliest(job) }
            if firstShort == nil { firstShort = job }
            decision.reasons[job.id] = withTime(shortage, reservation?.at)
        } else if mayPass(job) {
            start(job)
        } else {
            decision.reasons[job.id] = .resources(need: job.cpus, free: freeCores.count, earliest: reservation?.at)
        }
    }

    /// What keeps a job waiting without a claim on anything: it does not hold up those behind it.
    private func barred(_ job: Scheduler.Waiting) -> WaitReason? {
        if let start = job.notBefore, start > now { return .notBefore(until: start) }
        if job.disk > freeDisk { return .disk(need: job.disk, free: max(0, freeDisk)) }
        guard let limits = capacity.queues[job.queue] else { return nil }
        let mates = running.filter { $0.queue == job.queue }
        if let most = limits.maxRunning, mates.count >= most { return .queueLimit(running: mates.count, limit: most) }
        let cores = mates.reduce(0) { $0 + $1.cores.count }
        if let most = limits.maxCPUs, cores + job.cpus > most {
            return .resources(need: job.cpus, free: max(0, most - cores), earliest: nil)
        }
        return nil
    }

    private func shortage(_ job: Scheduler.Waiting) -> WaitReason? {
        if job.cpus > freeCores.count { return .resources(need: job.cpus, free: freeCores.count, earliest: nil) }
        if job.memory > freeMemory { return .memory(need: job.memory, free: max(0, freeMemory)) }
        return nil
    }

    private func withTime(_ reason: WaitReason, _ time: Timestamp?) -> WaitReason {
        guard case .resources(let need, let free, _) = reason else { return reason }
        return .resources(need: need, free: free, earliest: time)
    }

    /// When enough will have ended for the job to fit; nil if it would not fit an empty machine.
    private func earliest(_ job: Scheduler.Waiting) -> Reservation? {
        var cores = freeCores.count
        var memory = freeMemory
        for other in running.sorted(by: { ($0.until, $0.id) < ($1.until, $1.id) }) {
            cores += other.cores.count
            memory += other.memory
            if cores >= job.cpus && memory >= job.memory {
                return Reservation(at: other.until, spareCores: cores - job.cpus, spareMemory: memory - job.memory)
            }
        }
        return nil
    }

    private func mayPass(_ job: Scheduler.Waiting) -> Bool {
        guard let reservation else { return true }
        if now + job.timeLeft <= reservation.at { return true }
        return job.cpus <= reservation.spareCores && job.memory <= reservation.spareMemory
    }

    private mutating func start(_ job: Scheduler.Waiting) {
        let cores = Array(freeCores.prefix(job.cpus))
        let until = now + job.timeLeft
        freeCores.removeFirst(job.cpus)
        freeMemory -= job.memory
        freeDisk -= job.disk
        if let at = reservation?.at, until > at {
            reservation?.spareCores -= job.cpus
            reservation?.spareMemory -= job.memory
        }
        running.append(
            Scheduler.Running(id: job.id, queue: job.queue, cores: cores, memory: job.memory, until: until))
        decision.starts.append(Scheduler.Start(id: job.id, cores: cores))
    }
}
