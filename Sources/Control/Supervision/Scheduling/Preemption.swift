import JobModel

/// Which running jobs make room for one of higher priority: as few as suffice, the lowest first, and of equals the one
/// that has run for the shortest time, since it loses least.
struct Preemption {
    let queues: [String: Scheduler.QueueLimits]
    /// No job is stopped before it has run for this long.
    let after: Milliseconds
    let now: Timestamp

    /// The jobs to stop; none if even all of them would not be enough.
    ///
    /// A job only makes room if it stands lower both by priority alone and with what waiting has added: else it would be
    /// the next to start again.
    func evictions(
        for job: Scheduler.Waiting, running: [Scheduler.Running], freeCores: Int, freeMemory: Int64
    ) -> [Scheduler.Eviction] {
        var cores = freeCores
        var memory = freeMemory
        for ending in running where ending.isEnding {
            cores += ending.cores.count
            memory += ending.memory
        }
        func fits() -> Bool { cores >= job.cpus && memory >= job.memory }
        var chosen: [Scheduler.Running] = []
        for victim in victims(for: job, running) where !fits() {
            cores += victim.cores.count
            memory += victim.memory
            chosen.append(victim)
        }
        guard fits() else { return [] }
        for victim in chosen where cores - victim.cores.count >= job.cpus && memory - victim.memory >= job.memory {
            cores -= victim.cores.count
            memory -= victim.memory
            chosen.removeAll { $0.id == victim.id }
        }
        return chosen.map { Scheduler.Eviction(id: $0.id, by: job.id) }
    }

    private func victims(for job: Scheduler.Waiting, _ running: [Scheduler.Running]) -> [Scheduler.Running] {
        let base = priority(job.priority, job.queue)
        let rank = base + Scheduler.age(since: job.submitted, now: now)
        return running.filter { other in
            let theirs = priority(other.priority, other.queue)
            let rankThere = theirs + Scheduler.age(since: other.submitted, now: now)
            return !other.isEnding && other.ran >= after && theirs < base && rankThere < rank
        }.sorted {
            (priority($0.priority, $0.queue), $0.ran, $1.id) < (priority($1.priority, $1.queue), $1.ran, $0.id)
        }
    }

    private func priority(_ own: Int, _ queue: String) -> Int64 { Int64(own + (queues[queue]?.priority ?? 0)) }
}
