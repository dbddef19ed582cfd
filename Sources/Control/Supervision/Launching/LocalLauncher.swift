import DurableFiles
import Glibc
package import JobModel
import Subprocess
import SystemPackage

/// Runs workers as processes of this machine, on three pipes.
package struct LocalLauncher: WorkerLauncher {
    /// How long a worker may take for what.
    package struct Limits: Sendable {
        /// From its start to `hello`.
        package var hello = Duration.seconds(30)
        /// From SIGTERM to SIGKILL, when the launcher itself is cancelled.
        package var stop = Duration.seconds(15 * 60)
        /// From the end of its output to SIGTERM.
        package var linger = Duration.seconds(30)

        /// The times of the design.
        package init() {}
    }

    private let executable: String
    private let arguments: [String]
    private let environment: @Sendable (RunDirectory) -> [(name: String, value: String)]
    private let limits: Limits
    private let groups: ControlGroups?
    private let niceness: Int32
    private let note: @Sendable (String) -> Void

    /// A launcher of the program at `executable`.
    ///
    /// - Parameters:
    ///   - groups: where attempts get control groups of their own; nil: none.
    ///   - niceness: of the workers; the program's own unless said otherwise.
    ///   - note: told when a group cannot be had or set as it should be; the attempt runs all the same.
    package init(
        executable: String, arguments: [String] = [], limits: Limits = Limits(), groups: ControlGroups? = nil,
        niceness: Int32 = ProcessIdentity.niceness(), note: @escaping @Sendable (String) -> Void = { _ in },
        environment: @escaping @Sendable (RunDirectory) -> [(name: String, value: String)]
    ) {
        self.executable = executable
        self.arguments = arguments
        self.limits = limits
        self.groups = groups
        self.niceness = niceness
        self.note = note
        self.environment = environment
    }

    package func run(
        _ launch: WorkerLaunch, orders: AsyncStream<WorkerOrder>,
        report: @escaping @Sendable (WorkerReport) async -> Void
    ) async -> WorkerExit {
        do {
            return try await runProcess(launch, orders, report)
        } catch {
            return WorkerExit(.notLaunched("\(executable): \(error)"))
        }
    }

    private func runProcess(
        _ launch: WorkerLaunch, _ orders: AsyncStream<WorkerOrder>,
        _ report: @escaping @Sendable (WorkerReport) async -> Void
    ) async throws -> WorkerExit {
        let log: FileDescriptor
        do {
            log = try prepareFiles(launch)
        } catch {
            // The disk's fault, not the program's: it is worth another try.
            return WorkerExit(.notPrepared("\(launch.run.path): \(error)"))
        }
        let killsBefore = ProcessIdentity.outOfMemoryKills()
        let (result, usage) = try await inGroup(for: launch.start) { group in
            try await Subprocess.run(
                .path(FilePath(executable)), arguments: Arguments(arguments),
                environment: environment(for: launch.run, group), workingDirectory: FilePath(launch.run.path),
                platformOptions: platformOptions, input: .inputWriter, output: .sequence,
                error: .fileDescriptor(log, closeAfterSpawningProcess: true)
            ) { execution in
                join(group, execution.processIdentifier.value)
                keepNiceness(execution.processIdentifier.value)
                return await converse(execution, launch, orders, report)
            }
        }
        if let failure = result.closureResult { return WorkerExit(.notLaunched(failure), group: usage) }
        let kills = usage?.outOfMemoryKills ?? (ProcessIdentity.outOfMemoryKills() - killsBefore)
        return switch result.terminationStatus {
        case .exited(let code): WorkerExit(.exited(code), group: usage)
        case .signaled(let signal): WorkerExit(.signalled(signal), outOfMemoryKills: kills, group: usage)
        }
    }

    /// Makes what a worker finds in its run directory; the opened log of the attempt.
    private func prepareFiles(_ launch: WorkerLaunch) throws -> FileDescriptor {
        try makeDirectory(launch.run.logs)
        try makeDirectory(launch.run.temporary)
        return try FileDescriptor.open(
            launch.run.log(attempt: launch.start.attempt), .writeOnly, options: [.append, .create, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead])
    }

    /// Runs `body` with a group of its own, which is gone afterwards whatever happened.
    private func inGroup<Value>(
        for start: StartCommand, _ body: (AttemptGroup?) async throws -> Value
    ) async throws -> (Value, GroupUsage?) {
        let group = makeGroup(start)
        do {
            let value = try await body(group)
            let usage = group?.usage
            await group?.remove()
            return (value, usage)
        } catch {
            await group?.remove()
            throw error
        }
    }

    private func makeGroup(_ start: StartCommand) -> AttemptGroup? {
        guard let groups else { return nil }
        do {
            let limits = ControlGroups.Limits(cpus: start.cpus, memory: start.memory)
            let (group, refused) = try groups.makeGroup(job: start.job, attempt: start.attempt, limits)
            for setting in refused { note("job \(start.job): a limit is not in force: \(setting)") }
            return group
        } catch {
            note("job \(start.job) has no control group: \(error)")
            return nil
        }
    }

    /// Before the worker is told what to do: it has taken no memory yet.
    private func join(_ group: AttemptGroup?, _ pid: Int32) {
        do {
            try group?.add(pid)
        } catch {
            note("process \(pid) is not in its control group: \(error)")
        }
    }

    /// A process takes over the niceness of the thread that starts it, and libdispatch gives its threads one of its own
    /// where it may. Before the worker is told what to do: its threads take over that of its first.
    private func keepNiceness(_ pid: Int32) {
        guard ProcessIdentity.niceness(pid) != niceness else { return }
        if !ProcessIdentity.setNiceness(niceness, of: pid) {
            note("process \(pid) does not have niceness \(niceness): \(String(cString: strerror(errno)))")
        }
    }

    private func environment(for run: RunDirectory, _ group: AttemptGroup?) -> Environment {
        var variables = environment(run)
        if let group { variables.append((name: "HONE_CGROUP", value: group.path)) }
        return .custom(variables.reduce(into: [:]) { $0[Environment.Key(stringLiteral: $1.name)] = $1.value })
    }

    private var platformOptions: PlatformOptions {
        var options = PlatformOptions()
        // Of its own session, so that Ctrl-C in the terminal reaches the daemon alone, and a kill reaches all of it.
        options.createSession = true
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: limits.stop)]
        return options
    }

    private typealias Process = Execution<CustomWriteInput, SequenceOutput, FileDescriptorOutput>

    /// Talks with the worker until it has ended. Never throws, since a throwing body would lose the exit status.
    /// Returns why the launch failed, if it did.
    private func converse(
        _ process: Process, _ launch: WorkerLaunch, _ orders: AsyncStream<WorkerOrder>,
        _ report: @escaping @Sendable (WorkerReport) async -> Void
    ) async -> String? {
        let pid = process.processIdentifier.value
        await report(.spawned(pid: pid, startTicks: ProcessIdentity.current(pid)?.startTicks ?? 0))
        let conversation = Conversation(start: launch.start, process: process, report: report)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await obey(orders, process) }
            group.addTask {
                try? await Task.sleep(for: limits.hello)
                if !Task.isCancelled { await conversation.giveUpWithoutHello(after: limits.hello) }
            }
            await conversation.readToEnd()
            await process.teardown(using: [
                // Signal 0 only waits: an end of output is normally an end of the process.
                .send(signal: Signal(rawValue: 0), allowedDurationToNextStep: limits.linger),
                .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: limits.stop),
            ])
            group.cancelAll()
        }
        // What the worker left behind is in its process group still; an empty group is no error.
        _ = kill(-pid, SIGKILL)
        return await conversation.failure
    }

    private func obey(_ orders: AsyncStream<WorkerOrder>, _ process: Process) async {
        for await order in orders {
            switch order {
            case .send(let command):
                // No conclusion can be drawn from a write: a dead reader reports no error.
                if let line = try? JSONLines.encode(command) { _ = try? await process.standardInputWriter.write(line) }
            case .terminate: try? process.send(signal: .terminate)
            case .writeStack: try? process.send(signal: .quit)
            case .kill: try? process.send(signal: .kill, toProcessGroup: true)
            }
        }
    }
}

/// What has been said between the daemon and one worker. The worker's output is hostile input: lines are capped in
/// length and number, and mean nothing but what the protocol gives them.
private actor Conversation {
    typealias Process = Execution<CustomWriteInput, SequenceOutput, FileDescriptorOutput>

    /// Messages read in one second; a worker that writes more waits in its pipe.
    private static let messagesPerSecond = 2000

    private let start: StartCommand
    private let process: Process
    private let report: @Sendable (WorkerReport) async -> Void
    private var saidHello = false
    private(set) var failure: String?

    init(start: StartCommand, process: Process, report: @escaping @Sendable (WorkerReport) async -> Void) {
        self.start = start
        self.process = process
        self.report = report
    }

    func readToEnd() async {
        var reader = LineReader<WorkerEvent>()
        var count = 0
        do {
            for try await buffer in process.standardOutput {
                let lines = buffer.withUnsafeBytes { reader.receive($0) }
                for line in lines { await receive(line) }
                count += lines.count
                if count >= Self.messagesPerSecond {
                    count = 0
                    try? await Task.sleep(for: .seconds(1))
                }
            }
        } catch {
            await report(.misbehaved("its output cannot be read: \(error)"))
        }
    }

    func giveUpWithoutHello(after time: Duration) {
        guard !saidHello else { return }
        fail("no hello within \(time)")
    }

    private func receive(_ line: ReceivedLine<WorkerEvent>) async {
        switch line {
        case .message(let event) where saidHello: await report(.event(event))
        case .message(.hello(let hello)): await greet(hello)
        case .message: fail("its first message was not hello")
        case .malformed(let text): await report(.misbehaved(text))
        case .tooLong: await report(.misbehaved("a line of more than \(JSONLines.longestLine) bytes"))
        }
    }

    private func greet(_ hello: HelloEvent) async {
        saidHello = true
        guard hello.v == HelloEvent.protocolVersion else {
            return fail("it speaks version \(hello.v) of the protocol, expected \(HelloEvent.protocolVersion)")
        }
        await report(.event(.hello(hello)))
        guard let line = try? JSONLines.encode(WorkerCommand.start(start)) else {
            return fail("the start message is longer than \(JSONLines.longestLine) bytes; pin fewer input files")
        }
        _ = try? await process.standardInputWriter.write(line)
    }

    private func fail(_ reason: String) {
        if failure == nil { failure = reason }
        try? process.send(signal: .kill, toProcessGroup: true)
    }
}
