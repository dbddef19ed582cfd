import Glibc
package import JobModel

/// How an attempt ended, from everything that is known about it.
package struct AttemptVerdict: Sendable, Hashable {
    /// The outcome and what it counts as.
    package let ending: AttemptEnding
    /// One sentence for people.
    package let detail: String

    /// Judges an attempt.
    ///
    /// - Parameters:
    ///   - exit: how its process ended.
    ///   - result: `result.json`, if there is one that belongs to this attempt. It decides, whatever the exit says.
    ///   - lastWords: what the worker said about its end; words only, the exit decides.
    ///   - stop: how we made it stop, if we did.
    package init(_ exit: WorkerExit, result: ResultRecord?, lastWords: ResultEvent? = nil, stop: StopLadder?) {
        if let result {
            self.init(result)
            return
        }
        switch stop?.reason {
        case .hang(let detail):
            self.init(AttemptEnding(.hang), detail: detail)
        case .timeLimit:
            self.init(AttemptEnding(.timeout), detail: "its time limit was reached")
        case .misbehaviour:
            self.init(AttemptEnding(.crash), detail: "its output did not keep to the protocol")
        case .shutdown, .wish, .preempted, nil:
            let (ending, usual) = Self.judge(exit.status, exit, stop)
            let words = lastWords?.outcome == ending.outcome ? lastWords?.detail : nil
            self.init(ending, detail: (words ?? usual) + (exit.group?.complaint ?? ""))
        }
    }

    /// What a result says, which decides alone.
    init(_ result: ResultRecord) { self.init(AttemptEnding(result.outcome), detail: result.detail ?? "") }

    private init(_ ending: AttemptEnding, detail: String) {
        self.ending = ending
        self.detail = detail
    }

    /// The attempt ended without a result while no daemon looked.
    static func lost(inReboot isReboot: Bool) -> AttemptVerdict {
        isReboot
            ? AttemptVerdict(AttemptEnding(.lostReboot), detail: "the machine went down")
            : AttemptVerdict(AttemptEnding(.lostDaemon), detail: "the daemon went down")
    }

    private static func judge(
        _ status: WorkerExit.Status, _ exit: WorkerExit, _ stop: StopLadder?
    ) -> (AttemptEnding, String) {
        switch status {
        case .exited(0): (AttemptEnding(.crash), "the worker ended with 0 but wrote no result.json")
        case .exited(let code):
            if let known = WorkerExitCode(rawValue: code) {
                (known.ending, detail(of: known))
            } else {
                (AttemptEnding(.crash), "the worker ended with exit code \(code)")
            }
        case .signalled(SIGTERM) where stop != nil:
            (AttemptEnding(.killed), "the worker was told to stop before it listened")
        case .signalled(SIGKILL) where stop?.hasKilled ?? false:
            (AttemptEnding(.killed), "the worker did not stop in time and was killed")
        case .signalled(SIGKILL) where exit.outOfMemoryKills > 0:
            (AttemptEnding(.oom), "killed by the kernel for want of memory")
        case .signalled(let signal): (AttemptEnding(.crash), "the worker was killed by signal \(signal)")
        case .notLaunched(let reason): (AttemptEnding(.launchError), reason)
        case .notPrepared(let reason): (AttemptEnding(.ioError), reason)
        }
    }

    private static func detail(of code: WorkerExitCode) -> String {
        switch code {
        case .success: ""
        case .dataError: "an input is missing, changed or malformed; the log of the attempt names it"
        case .internalError: "internal error; see the log of the attempt"
        case .diverged: "the loss is no longer a number"
        case .lockHeld: "another worker holds the run lock, or a newer attempt exists"
        case .ioError: "reading or writing failed; see the log of the attempt"
        case .checkpointed: "stopped with a checkpoint"
        case .permission: "the sandbox or the permissions do not allow it; see the log of the attempt"
        case .specError: "this build does not understand the specification"
        }
    }
}
