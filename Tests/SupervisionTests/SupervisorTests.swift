import DurableFiles
import Glibc
import JobModel
import JobQueue
import TestFolders
import Testing

@testable import Supervision

@Suite("Supervisor")
struct SupervisorTests {
    private let harness: SupervisorHarness

    init() throws { harness = try SupervisorHarness() }

    @Test func aJobRunsToItsEnd() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("first", "resources: {cpus: 2}"))
        let worker = try await harness.worker(0)
        let start = worker.launch.start
        #expect(start.job == 1)
        #expect(start.fence == 1)
        #expect(start.cpus == [0, 1])
        #expect(start.threads == 2)
        #expect(start.runDir == "\(harness.root.runs)/1-first")
        #expect(start.inputs["model"] == "\(harness.root.models)/base")
        #expect(start.inputs["dataset.train"] == "\(harness.root.datasets)/rows.jsonl")
        #expect(start.pins.allSatisfy { $0.sha256 != nil })
        await worker.begin()
        #expect(try await harness.state(1) == .running)
        await worker.say(.progress(ProgressEvent(step: 4, total: 10, loss: 0.5, etaS: 3)))
        harness.time.advance(.seconds(1))
        await harness.supervisor.turn()
        let status = try harness.status("1-first")
        #expect(status.state == .running)
        #expect(status.step == 4)
        #expect(status.total == 10)
        await worker.say(
            .checkpoint(
                CheckpointEvent(
                    step: 5, dir: "step-000000005", manifestSha256: String(repeating: "0", count: 64), bytes: 1, ms: 1)))
        #expect(try await harness.store.job(1)?.checkpoints.map(\.step) == [5])
        await worker.say(.checkpointFailed(errno: ENOSPC))
        await worker.say(.result(ResultEvent(outcome: .success)))
        try worker.writeResult()
        worker.exit(.exited(0))
        try await harness.turn(untilJob: 1, is: .succeeded)
        #expect(try harness.status("1-first").state == .succeeded)
    }

    @Test func statusIsWrittenAtMostOnceASecond() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("first"))
        let worker = try await harness.worker(0)
        await worker.begin()
        harness.time.advance(.seconds(1))
        await harness.supervisor.turn()
        await worker.say(.progress(ProgressEvent(step: 1, total: 10)))
        await harness.supervisor.turn()
        #expect(try harness.status("1-first").step == 0)
        harness.time.advance(.seconds(1))
        await harness.supervisor.turn()
        #expect(try harness.status("1-first").step == 1)
    }

    @Test func coresAreForOneJobAlone() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("first", "resources: {cpus: 3}"))
        _ = try await harness.worker(0)
        try harness.drop("b.yaml", SupervisorHarness.spec("second", "resources: {cpus: 2}"))
        try harness.drop("c.yaml", SupervisorHarness.spec("third", "resources: {time_limit: 1h}"))
        let passing = try await harness.worker(1)
        #expect(passing.launch.start.job == 3)
        #expect(passing.launch.start.cpus == [3])
        guard case .resources(need: 2, free: 1, _)? = try await harness.store.job(2)?.summary.reason else {
            Issue.record("\(String(describing: try await harness.store.job(2)?.summary.reason))")
            return
        }
        try harness.launcher.all[0].writeResult()
        harness.launcher.all[0].exit(.exited(0))
        let next = try await harness.worker(2)
        #expect(next.launch.start.job == 2)
        #expect(next.launch.start.cpus == [0, 1])
    }

    @Test func aCrashIsTriedAgainAfterAWhile() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("first", "retry: {max_failures: 1, backoff: 60s}"))
        let first = try await harness.worker(0)
        await first.begin()
        first.exit(.signalled(SIGSEGV))
        try await harness.turn(untilJob: 1, is: .backoff)
        #expect(harness.launcher.all.count == 1)
        harness.time.advance(.seconds(76))
        let second = try await harness.worker(1)
        #expect(second.launch.start.fence == 2)
        await second.begin()
        second.exit(.exited(70))
        try await harness.turn(untilJob: 1, is: .failed)
        let attempts = try #require(try await harness.store.job(1)?.attempts)
        #expect(attempts.map(\.outcome) == [.crash, .crash])
    }

    @Test func anInterruptionIsNoFailure() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("first", "retry: {max_failures: 0}"))
        for round in 0..<4 {
            let worker = try await harness.worker(round)
            await worker.begin(resumeStep: Int64(round))
            worker.exit(.exited(75))
        }
        try await harness.worker(4).writeResult()
        try await harness.worker(4).exit(.exited(0))
        try await harness.turn(untilJob: 1, is: .succeeded)
    }

    @Test func aWorkerThatHangsIsStoppedHarderAndHarder() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("first"))
        let worker = try await harness.worker(0)
        await worker.begin()
        await worker.say(.phase(.train))
        harness.time.advance(.seconds(299))
        await worker.say(.beat(BeatEvent(monoMs: 0, step: 0, phase: .train)))
        await harness.supervisor.turn()
        #expect(worker.received == [])
        harness.time.advance(.seconds(2))
        try await harness.turn { worker.received.last == .terminate }
        harness.time.advance(.seconds(60))
        try await harness.turn { worker.received.last == .writeStack }
        harness.time.advance(.seconds(30))
        try await harness.turn { worker.received.last == .kill }
        worker.exit(.signalled(SIGKILL))
        try await harness.turn(untilJob: 1, is: .backoff)
        #expect(try await harness.store.job(1)?.attempts.first?.outcome == .hang)
    }

    @Test func theTimeLimitCountsAllAttempts() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("first", "resources: {time_limit: 10min}"))
        let first = try await harness.worker(0)
        await first.begin()
        harness.time.advance(.seconds(240))
        first.exit(.exited(75))
        let second = try await harness.worker(1)
        await second.begin()
        #expect(second.launch.start.deadlineMs == 360_000)
        harness.time.advance(.seconds(361))
        try await harness.turn { second.received.last == .terminate }
        second.exit(.exited(75))
        try await harness.turn(untilJob: 1, is: .failed)
        #expect(try await harness.store.job(1)?.attempts.last?.outcome == .timeout)
    }

    @Test func nonsenseIsBorneForAWhile() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("first"))
        let worker = try await harness.worker(0)
        await worker.begin()
        for _ in 0..<99 { await worker.misbehave() }
        await harness.supervisor.turn()
        #expect(worker.received == [])
        await worker.misbehave()
        try await harness.turn { worker.received.last == .terminate }
    }

    @Test func aStopSavesAndLeavesTheJobQueued() async throws {
        let supervisor = harness.supervisor
        let run = Task { try await supervisor.run() }
        try harness.drop("a.yaml", SupervisorHarness.spec("first"))
        let worker = try await harness.launchedWorker()
        await worker.begin()
        await supervisor.beginShutdown()
        await supervisor.beginShutdown()
        try await harness.waiting { worker.received.last == .terminate }
        #expect(worker.received.count == 2)
        worker.exit(.exited(75))
        #expect(try await run.value == .stopped)
        #expect(try await harness.state(1) == .queued)
        #expect(try await harness.store.job(1)?.attempts.first?.outcome == .checkpointed)
    }

    @Test func aBadConfigurationChangesNothing() async throws {
        try harness.place.write("cpus: 1\n", to: "hone.yaml")
        await harness.supervisor.reload()
        #expect(await harness.supervisor.machine.cores.count == 1)
        #expect(ReloadReceipt.read(harness.root)?.errors == "")
        try harness.place.write("cpus: none\n", to: "hone.yaml")
        harness.time.advance(.seconds(1))
        await harness.supervisor.reload()
        #expect(await harness.supervisor.machine.cores.count == 1)
        #expect(ReloadReceipt.read(harness.root)?.errors.contains("cpus: expected") == true)
    }

    @Test func dependantsFollow() async throws {
        try harness.drop("b.yaml", SupervisorHarness.spec("second", "after: first"))
        try await harness.turn(untilJob: 1, is: .blocked)
        try harness.drop("a.yaml", SupervisorHarness.spec("first"))
        let worker = try await harness.worker(0)
        #expect(worker.launch.start.job == 2)
        await worker.begin()
        try worker.writeResult()
        worker.exit(.exited(0))
        #expect(try await harness.worker(1).launch.start.job == 1)
    }

    @Test func artifactsOfAJobAreAnInput() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("first"))
        let text = SupervisorHarness.spec("second").split(separator: "\n").map {
            $0 == "model: base" ? "model: {job: first}" : $0
        }
        try harness.drop("b.yaml", text.joined(separator: "\n"))
        let worker = try await harness.worker(0)
        await worker.begin()
        try await harness.turn(untilJob: 2, is: .blocked)
        #expect(harness.planner.questions.count == 1)
        try harness.place.make("runs/1-first/artifacts")
        try harness.place.write("{}", to: "runs/1-first/artifacts/config.json")
        try worker.writeResult()
        worker.exit(.exited(0))
        let next = try await harness.worker(1)
        #expect(next.launch.start.inputs["model"] == "\(harness.root.runs)/1-first/artifacts")
        #expect(harness.planner.questions.last?[.model] == "\(harness.root.runs)/1-first/artifacts")
        #expect(try await harness.store.job(2)?.memory == 1150)
    }

    @Test func missingArtifactsFailTheDependant() async throws {
        try harness.drop("a.yaml", SupervisorHarness.spec("first"))
        let text = SupervisorHarness.spec("second").split(separator: "\n").map {
            $0 == "model: base" ? "model: {job: first}" : $0
        }
        try harness.drop("b.yaml", text.joined(separator: "\n"))
        let worker = try await harness.worker(0)
        await worker.begin()
        try worker.writeResult()
        worker.exit(.exited(0))
        try await harness.turn(untilJob: 2, is: .failed)
    }

    @Test func aFileThatChangedBeforeTheStartFailsTheJob() async throws {
        let digest = String(repeating: "0", count: 64)
        try harness.drop(
            "a.yaml",
            "name: a\nmethod: sft\nmodel: base\ntrain: {steps: 1}\n"
                + "dataset: {train: {path: rows.jsonl, sha256: '\(digest)'}}\n"
        )
        try await harness.turn(untilJob: 1, is: .failed)
        guard case .ended(.dataError, let detail)? = try await harness.store.job(1)?.summary.reason else {
            Issue.record("\(String(describing: try await harness.store.job(1)?.summary.reason))")
            return
        }
        #expect(detail.contains("the job asks for \(digest)"))
    }
}
