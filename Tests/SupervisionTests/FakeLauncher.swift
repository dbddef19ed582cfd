import DurableFiles
import JobModel
import Synchronization

@testable import Supervision

/// A launcher whose workers do what a test tells them.
final class FakeLauncher: WorkerLauncher {
    /// One worker that was launched and has not ended.
    final class Worker: Sendable {
        let launch: WorkerLaunch
        private let report: @Sendable (WorkerReport) async -> Void
        private let orders: Collector<WorkerOrder>
        private let end: AsyncStream<WorkerExit>.Continuation

        init(
            _ launch: WorkerLaunch, orders: Collector<WorkerOrder>, end: AsyncStream<WorkerExit>.Continuation,
            report: @escaping @Sendable (WorkerReport) async -> Void
        ) {
            self.launch = launch
            self.orders = orders
            self.end = end
            self.report = report
        }

        /// What the supervisor ordered so far.
        var received: [WorkerOrder] { orders.all }

        func say(_ event: WorkerEvent) async { await report(.event(event)) }
        func misbehave() async { await report(.misbehaved("nonsense")) }

        /// Says what every worker says first.
        func begin(resumeStep: Int64 = 0) async {
            await report(.spawned(pid: 4711, startTicks: 1))
            await say(.ready(ReadyEvent(cpus: launch.start.cpus, blas: "test", resumeStep: resumeStep)))
        }

        /// Writes a result as its attempt's.
        func writeResult(_ outcome: AttemptOutcome = .success, steps: Int64 = 10) throws {
            let result = ResultRecord(
                job: launch.start.job, name: "x", method: .sft, specSha256: launch.start.specSha256,
                fence: launch.start.fence, outcome: outcome, steps: steps, finished: Timestamp(milliseconds: 0))
            try durableWrite(try JSONCoding.encode(result), to: launch.run.result)
        }

        func exit(_ status: WorkerExit.Status) {
            end.yield(WorkerExit(status))
            end.finish()
        }
    }

    private let workers = Mutex<[Worker]>([])

    /// All workers launched so far, in order.
    var all: [Worker] { workers.withLock { $0 } }

    func run(
        _ launch: WorkerLaunch, orders: AsyncStream<WorkerOrder>,
        report: @escaping @Sendable (WorkerReport) async -> Void
    ) async -> WorkerExit {
        let (ends, end) = AsyncStream<WorkerExit>.makeStream()
        let received = Collector<WorkerOrder>()
        let worker = Worker(launch, orders: received, end: end, report: report)
        let listening = Task { for await order in orders { received.add(order) } }
        workers.withLock { $0.append(worker) }
        var exit = WorkerExit(.exited(70))
        for await next in ends { exit = next }
        listening.cancel()
        return exit
    }
}

/// A planner that answers what a test sets.
final class FakePlanner: ResourcePlanner {
    private let answer = Mutex<Result<ResourcePlan, PlanFailure>>(
        .success(ResourcePlan(memory: 1000, checkpoint: 10, artifacts: 5)))
    private let asked = Collector<[InputRole: String]>()

    var questions: [[InputRole: String]] { asked.all }

    func set(_ result: Result<ResourcePlan, PlanFailure>) { answer.withLock { $0 = result } }

    func plan(_ spec: JobSpec, inputs: [InputRole: String]) async throws(PlanFailure) -> ResourcePlan {
        asked.add(inputs)
        return try answer.withLock { $0 }.get()
    }
}
