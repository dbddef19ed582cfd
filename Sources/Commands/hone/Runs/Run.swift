import ArgumentParser
import Dispatch
import DurableFiles
import Glibc
import JobModel
import Supervision

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run one job here and now, without a daemon.",
        discussion: """
            Inputs are paths, relative to the job file's folder. Ctrl-C saves the last step and stops; the same command \
            goes on from there.

              hone run align.yaml
              hone run align.yaml --output out/align
            """)

    @Argument(help: ArgumentHelp("A job file.", valueName: "spec"))
    var file: String

    @Option(help: ArgumentHelp("The run directory (default: NAME.run).", valueName: "dir"))
    var output: String?

    @OptionGroup var format: JSONOption

    func run() async throws {
        let foreground = try ForegroundRun(SpecificationFile.read(file, paths: .anywhere), output: output)
        if let result = foreground.result { return try finish(foreground, result) }
        let exit = try await train(foreground)
        if let result = foreground.result { return try finish(foreground, result) }
        try explain(exit, foreground)
    }

    private func train(_ foreground: ForegroundRun) async throws -> WorkerExit {
        let flags = WorkerEnvironment.processorFlags()
        let launcher = LocalLauncher(executable: try Engine.locate()) {
            WorkerEnvironment.variables(run: $0, processorFlags: flags)
        }
        let (orders, order) = AsyncStream<WorkerOrder>.makeStream()
        let interrupts = [SIGINT, SIGTERM].map { stopOnSignal($0, order) }
        defer { interrupts.forEach { $0.cancel() } }
        let line = ProgressLine()
        let exit = await launcher.run(foreground.launch(), orders: orders) { report in
            switch report {
            case .event(let event): await line.note(event)
            case .misbehaved(let text): await line.interject("worker: \(text)")
            case .spawned: break
            }
        }
        await line.finish()
        return exit
    }

    /// The worker is of its own session, so that Ctrl-C reaches us alone; it is then asked to save and stop.
    private func stopOnSignal(
        _ number: Int32, _ order: AsyncStream<WorkerOrder>.Continuation
    ) -> any DispatchSourceSignal {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number)
        source.setEventHandler {
            order.yield(.send(.stop(StopCommand(mode: .checkpoint))))
            order.yield(.terminate)
        }
        source.activate()
        return source
    }

    private func finish(_ foreground: ForegroundRun, _ result: ResultRecord) throws {
        if format.json {
            try printJSON(result)
        } else {
            ResultSummary(result: result, artifacts: foreground.run.artifacts).print()
        }
        if result.outcome != .success { throw ExitCode.jobFailed }
    }

    private func explain(_ exit: WorkerExit, _ foreground: ForegroundRun) throws -> Never {
        let log = foreground.run.log(attempt: foreground.run.newestAttempt)
        if case .exited(let code) = exit.status, code == WorkerExitCode.checkpointed.rawValue {
            Terminal.complain("stopped; the last step is saved. The same command goes on from there.")
            throw ExitCode(code)
        }
        let lines = ((try? readFile(log)) ?? []).split(separator: UInt8(ascii: "\n")).suffix(8)
        lines.forEach { Terminal.complain(String(decoding: $0, as: UTF8.self)) }
        switch exit.status {
        case .exited(let code): Terminal.complain("the worker ended with \(code); its log is \(log)")
        case .signalled(let number): Terminal.complain("the worker was killed by signal \(number); its log is \(log)")
        case .notLaunched(let reason), .notPrepared(let reason): Terminal.complain("no worker: \(reason)")
        }
        throw ExitCode.jobFailed
    }
}
