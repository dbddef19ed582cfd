package import JobModel

/// Runs one attempt to its end. Local processes now, another machine later, a script of events in tests.
package protocol WorkerLauncher: Sendable {
    /// Starts a worker, passes on what it reports, obeys orders, and returns when nothing of it is left.
    ///
    /// Never throws: a failure to launch is an exit like others. Cancelling the surrounding task is no way to stop a
    /// worker, since it would lose its last step; order a stop.
    func run(
        _ launch: WorkerLaunch, orders: AsyncStream<WorkerOrder>,
        report: @escaping @Sendable (WorkerReport) async -> Void
    ) async -> WorkerExit
}

/// One attempt to run.
package struct WorkerLaunch: Sendable, Hashable {
    /// What the worker is told.
    package var start: StartCommand
    /// Where it works.
    package var run: RunDirectory

    /// An attempt.
    package init(start: StartCommand, run: RunDirectory) {
        self.start = start
        self.run = run
    }
}

/// What a running worker is made to do.
package enum WorkerOrder: Sendable, Hashable {
    /// A line on its standard input.
    case send(WorkerCommand)
    /// SIGTERM, which a worker answers with a checkpoint and exit 75.
    case terminate
    /// SIGQUIT, which makes it write a stack to its log.
    case writeStack
    /// SIGKILL to it and all it started.
    case kill
}

/// What comes from a worker while it runs.
package enum WorkerReport: Sendable, Hashable {
    /// There is a process.
    case spawned(pid: Int32, startTicks: UInt64)
    /// A message.
    case event(WorkerEvent)
    /// Something that is not in the protocol; the text says what.
    case misbehaved(String)
}

/// How a worker ended.
package struct WorkerExit: Sendable, Hashable {
    /// What the kernel says.
    package enum Status: Sendable, Hashable {
        case exited(Int32)
        case signalled(Int32)
        /// There never was a process, or it never said hello.
        case notLaunched(String)
        /// There never was a process, since the files it needs in its run directory could not be made.
        case notPrepared(String)
    }

    /// What the kernel says.
    package var status: Status
    /// Processes the kernel killed for want of memory: in its control group, or, without one, on the whole machine
    /// while this one ran.
    package var outOfMemoryKills: Int = 0
    /// What its control group counted; nil without one.
    package var group: GroupUsage?

    /// An exit.
    package init(_ status: Status, outOfMemoryKills: Int = 0, group: GroupUsage? = nil) {
        self.status = status
        self.outOfMemoryKills = outOfMemoryKills
        self.group = group
    }
}
