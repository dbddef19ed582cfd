import JobModel
import SeededRandom
import Testing

@testable import Supervision

@Suite("Scheduler")
struct SchedulerTests {
    /// One row: what waits, what runs, what there is, and what must come out.
    struct Row: Sendable, CustomTestStringConvertible {
        let title: String
        var waiting: [Scheduler.Waiting]
        var running: [Scheduler.Running] = []
        var cores = 4
        var memory: Int64 = 100
        var disk: Int64 = .max
        var queues: [String: Scheduler.QueueLimits] = [:]
        var starts: [Int64: [Int]] = [:]
        var reasons: [Int64: WaitReason] = [:]

        var testDescription: String { title }
    }

    private static func job(
        _ id: Int64, cpus: Int = 1, memory: Int64 = 10, priority: Int = 0, hours: Int64 = 10, age: Int64 = 0,
        queue: String = "default", disk: Int64 = 0, notBefore: Int64? = nil
    ) -> Scheduler.Waiting {
        Scheduler.Waiting(
            id: id, priority: priority, submitted: at(hours: -age), queue: queue, cpus: cpus, memory: memory,
            disk: disk,
            notBefore: notBefore.map { at(hours: $0) }, timeLeft: Milliseconds(seconds: hours * 3600))
    }

    private static func running(
        _ id: Int64, _ cores: [Int], memory: Int64 = 10, hours: Int64 = 10, queue: String = "default"
    ) -> Scheduler.Running {
        Scheduler.Running(id: id, queue: queue, cores: cores, memory: memory, until: at(hours: hours))
    }

    private static func at(hours: Int64) -> Timestamp { Timestamp(milliseconds: 1_800_000_000_000 + hours * 3_600_000) }

    private static func limits(running: Int? = nil, cpus: Int? = nil, priority: Int = 0) -> Scheduler.QueueLimits {
        var limits = Scheduler.QueueLimits()
        limits.maxRunning = running
        limits.maxCPUs = cpus
        limits.priority = priority
        return limits
    }

    static let rows: [Row] = [
        Row(title: "nothing waits", waiting: []),
        Row(title: "all fit, in order of number", waiting: [job(2), job(1)], starts: [1: [0], 2: [1]]),
        Row(
            title: "priority before number", waiting: [job(1), job(2, cpus: 4, priority: 1)],
            starts: [2: [0, 1, 2, 3]],
            reasons: [1: .resources(need: 1, free: 0, earliest: at(hours: 10))]),
        Row(
            title: "six hours of age are one priority",
            waiting: [job(1, cpus: 4, priority: 2), job(2, cpus: 4, age: 18)], starts: [2: [0, 1, 2, 3]],
            reasons: [1: .resources(need: 4, free: 0, earliest: at(hours: 10))]),
        Row(
            title: "memory is reserved", waiting: [job(1, memory: 60)], running: [running(9, [0], memory: 50)],
            reasons: [1: .memory(need: 60, free: 50)]),
        Row(
            title: "a large job is not starved", waiting: [job(1, cpus: 4), job(2, cpus: 1, hours: 11)],
            running: [running(9, [0, 1], hours: 10)],
            reasons: [
                1: .resources(need: 4, free: 2, earliest: at(hours: 10)),
                2: .resources(need: 1, free: 2, earliest: at(hours: 10)),
            ]),
        Row(
            title: "a short job passes", waiting: [job(1, cpus: 4), job(2, cpus: 2, hours: 10)],
            running: [running(9, [0, 1], hours: 10)], starts: [2: [2, 3]],
            reasons: [1: .resources(need: 4, free: 2, earliest: at(hours: 10))]),
        Row(
            title: "a long job passes on cores that are not needed, once",
            waiting: [job(1, cpus: 3), job(2, hours: 99), job(3, hours: 99)], running: [running(9, [0, 1], hours: 10)],
            starts: [2: [2]],
            reasons: [
                1: .resources(need: 3, free: 2, earliest: at(hours: 10)),
                3: .resources(need: 1, free: 1, earliest: at(hours: 10)),
            ]),
        Row(
            title: "a job larger than the machine blocks nobody", waiting: [job(1, cpus: 5), job(2)], starts: [2: [0]],
            reasons: [1: .resources(need: 5, free: 4, earliest: nil)]),
        Row(
            title: "too early", waiting: [job(1, notBefore: 1), job(2)], starts: [2: [0]],
            reasons: [1: .notBefore(until: at(hours: 1))]),
        Row(
            title: "a full queue blocks only itself",
            waiting: [job(1, queue: "small"), job(2)], running: [running(9, [0], queue: "small")],
            queues: ["small": limits(running: 1)], starts: [2: [1]],
            reasons: [1: .queueLimit(running: 1, limit: 1)]),
        Row(
            title: "cores of a queue", waiting: [job(1, cpus: 2, queue: "small")],
            running: [running(9, [0], queue: "small")], queues: ["small": limits(cpus: 2)],
            reasons: [1: .resources(need: 2, free: 1, earliest: nil)]),
        Row(
            title: "priority of a queue", waiting: [job(1, cpus: 4), job(2, cpus: 4, queue: "urgent")],
            queues: ["urgent": limits(priority: 5)], starts: [2: [0, 1, 2, 3]],
            reasons: [1: .resources(need: 4, free: 0, earliest: at(hours: 10))]),
        Row(
            title: "disk", waiting: [job(1, disk: 30), job(2, disk: 30)], disk: 50, starts: [1: [0]],
            reasons: [2: .disk(need: 30, free: 20)]),
        Row(
            title: "more runs than there is, after the machine shrank", waiting: [job(1)],
            running: [running(8, [0, 1, 2, 3, 4], memory: 200)],
            reasons: [1: .resources(need: 1, free: 0, earliest: at(hours: 10))]),
    ]

    @Test(arguments: rows) func decides(_ row: Row) {
        let capacity = Scheduler.Capacity(
            cores: Array(0..<row.cores), memory: row.memory, disk: row.disk, queues: row.queues)
        let decision = Scheduler.decide(
            waiting: row.waiting, running: row.running, capacity: capacity, now: Self.at(hours: 0))
        #expect(Dictionary(uniqueKeysWithValues: decision.starts.map { ($0.id, $0.cores) }) == row.starts)
        #expect(decision.reasons == row.reasons)
    }

    /// Whatever comes in: no core twice, nothing beyond the capacity, every job either started or explained.
    @Test func invariantsHoldForRandomQueues() {
        var random = SplitMix64(7)
        for _ in 0..<500 {
            let waiting = (1...12).map { id in
                Self.job(
                    Int64(id), cpus: 1 + random.below(5), memory: Int64(random.below(60)), priority: random.below(3),
                    hours: Int64(1 + random.below(20)), age: Int64(random.below(30)))
            }
            let running = [Self.running(90, [0, 1], memory: 30, hours: 5)]
            let capacity = Scheduler.Capacity(cores: Array(0..<8), memory: 100)
            let decision = Scheduler.decide(
                waiting: waiting, running: running, capacity: capacity, now: Self.at(hours: 0))
            let cores = decision.starts.flatMap(\.cores) + [0, 1]
            #expect(Set(cores).count == cores.count)
            let started = waiting.filter { job in decision.starts.contains { $0.id == job.id } }
            #expect(started.reduce(30) { $0 + $1.memory } <= 100)
            #expect(Set(started.map(\.id)).union(decision.reasons.keys).count == waiting.count)
        }
    }
}
