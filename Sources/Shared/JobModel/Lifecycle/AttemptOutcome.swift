/// How an attempt ended. The raw value is what the database stores.
package enum AttemptOutcome: String, Sendable, Hashable, CaseIterable, Codable {
    case success
    /// Stopped as asked, with a checkpoint.
    case checkpointed
    case specError = "spec_error"
    case dataError = "data_error"
    case diverged
    case crash
    case oom
    case hang
    case timeout
    case ioError = "io_error"
    /// Killed by the daemon.
    case killed
    /// The machine went down under it.
    case lostReboot = "lost_reboot"
    /// The daemon went down, and the worker with it.
    case lostDaemon = "lost_daemon"
    case launchError = "launch_error"
}

/// Exit statuses of `hone-worker`.
package enum WorkerExitCode: Int32, Sendable, Hashable, CaseIterable {
    /// `result.json` is written.
    case success = 0
    /// An input is missing, changed or malformed.
    case dataError = 65
    /// Internal error.
    case internalError = 70
    /// Diverged: not a number.
    case diverged = 71
    /// The lock is held, or a newer fence or a result is there.
    case lockHeld = 73
    /// Input or output failed.
    case ioError = 74
    /// Checkpointed and stopped as asked.
    case checkpointed = 75
    /// Sandbox or permission.
    case permission = 77
    /// This build does not understand the specification.
    case specError = 78

    /// What the code says about the attempt.
    package var ending: AttemptEnding {
        switch self {
        case .success: AttemptEnding(.success)
        case .dataError: AttemptEnding(.dataError)
        case .internalError: AttemptEnding(.crash)
        case .diverged: AttemptEnding(.diverged)
        case .lockHeld: AttemptEnding(.launchError, countsAs: .interruption)
        case .ioError: AttemptEnding(.ioError)
        case .checkpointed: AttemptEnding(.checkpointed)
        case .permission: AttemptEnding(.launchError, countsAs: .failure)
        case .specError: AttemptEnding(.specError)
        }
    }
}

/// An outcome together with what it counts as.
package struct AttemptEnding: Sendable, Hashable {
    /// What an ended attempt counts as.
    package enum Weight: Sendable, Hashable {
        case success
        /// Nobody's fault: the job goes on where it was.
        case interruption
        /// Counts against `retry.max_failures`.
        case failure
    }

    /// How the attempt ended.
    package var outcome: AttemptOutcome
    /// What that counts as.
    package var weight: Weight

    /// An outcome with its usual weight.
    package init(_ outcome: AttemptOutcome) {
        self.outcome = outcome
        switch outcome {
        case .success: weight = .success
        case .checkpointed, .killed, .lostReboot, .lostDaemon: weight = .interruption
        case .specError, .dataError, .diverged, .crash, .oom, .hang, .timeout, .ioError, .launchError:
            weight = .failure
        }
    }

    /// An outcome with a weight of its own (`launch_error` is an interruption when only the lock was held).
    package init(_ outcome: AttemptOutcome, countsAs weight: Weight) {
        self.outcome = outcome
        self.weight = weight
    }
}

extension RetryableFailure {
    /// The failure behind an outcome, or nil if it is never tried again.
    package init?(_ outcome: AttemptOutcome) { self.init(rawValue: outcome.rawValue) }
}
