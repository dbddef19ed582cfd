import ArgumentParser
import CLinux
import Compute
import DurableFiles
import Glibc
import JobModel
import Training

/// One attempt at a job, led by the daemon over the standard streams. Its exit code says how it ended.
struct AttemptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attempt", abstract: "Run one attempt; the daemon speaks on the standard streams.")

    func run() throws {
        let descriptor = ProcessSetting.takeOverStandardStreams()
        let stop = StopSignal { hone_stop_requested() }
        let events = EventWriter(descriptor: descriptor) { hone_request_stop() }
        events.start()
        events.send(.hello(ProcessSetting.hello()))
        let code = converse(events, stop)
        events.close()
        throw ExitCode(code.rawValue)
    }

    private func converse(_ events: EventWriter, _ stop: StopSignal) -> WorkerExitCode {
        guard let start = CommandReader(stop).start() else {
            complain("the input ended before start")
            return .internalError
        }
        do {
            let result = try attempt(start, events, stop)
            events.send(
                .result(ResultEvent(outcome: result.outcome, metrics: result.metrics, usage: ProcessSetting.usage())))
            return .success
        } catch {
            let failure = Failure(error, runDirectory: start.runDir)
            complain(failure.code == .checkpointed ? "stopped as asked" : failure.detail)
            events.send(
                .result(
                    ResultEvent(
                        outcome: failure.code.ending.outcome, detail: failure.detail, usage: ProcessSetting.usage())))
            return failure.code
        }
    }

    private func attempt(_ start: StartCommand, _ events: EventWriter, _ stop: StopSignal) throws -> ResultRecord {
        let setting = ProcessSetting.apply(start)
        let directory = RunDirectory(start.runDir)
        let lock = try takeLock(directory, start)
        // Held until the attempt is over.
        defer { withExtendedLifetime(lock.path) {} }
        events.send(
            .ready(
                ReadyEvent(
                    cpus: setting.cpus, cgroup: setting.cgroup, blas: ThreadTeam.multiplyKernelName,
                    resumeStep: Int64(newestStep(directory)))))
        let observer = WorkerObserver(events)
        observer.startBeating()
        let spec = try specification(start)
        observer.began(.hash)
        for pin in start.pins { try pin.verify { try stop.check() } }
        let run = JobRun(
            spec, in: directory,
            identity: RunIdentity(job: start.job, fence: start.fence, specSha256: start.specSha256),
            team: try ThreadTeam(threads: max(1, start.threads), products: spec.products), build: programBuild, stop: stop,
            observer: observer)
        return try run.run(JobInputs(start.inputs)) { ProcessSetting.usage() }
    }

    /// The fence: nobody else runs this job while we hold the lock, and nobody older ever will again.
    private func takeLock(_ directory: RunDirectory, _ start: StartCommand) throws -> FileLock {
        guard let lock = try FileLock.acquire(directory.lock) else { throw LockHeld(reason: "another worker holds it") }
        if let newer = Int64(try lock.contents().prefix { $0 != "\n" }), newer > start.fence {
            throw LockHeld(reason: "attempt \(newer) came after this one (\(start.fence))")
        }
        guard fileKind(directory.result) == .missing else { throw LockHeld(reason: "the job has its result already") }
        try lock.replaceContents("\(start.fence)\n")
        FailPoint.reach("worker.after_lock")
        return lock
    }

    private func specification(_ start: StartCommand) throws -> JobSpec {
        let path = start.runDir + "/" + start.spec
        let bytes = try readFile(path, limit: 1 << 20)
        let digest = SHA256.hex(of: bytes)
        guard digest == start.specSha256 else {
            throw TrainingError.specification(
                "\(path): its digest is \(digest), expected \(start.specSha256) as submitted")
        }
        return try JobSpec.decode(bytes, format: .json, paths: .anywhere)
    }

    private func newestStep(_ directory: RunDirectory) -> Int {
        let names = (try? directoryNames(directory.checkpoints)) ?? []
        return names.compactMap { Checkpoint.step(ofName: $0) }.max() ?? 0
    }
}

/// Why the run's lock was not taken.
struct LockHeld: Error, CustomStringConvertible {
    let reason: String
    var description: String { "run.lock: \(reason)" }
}
