/// What a job reserves. Memory and disk that are not given are estimated from the shapes.
package struct ResourceRequest: Sendable, Hashable {
    /// Whole cores, for this job alone.
    package var cpus = 1
    /// Bytes of memory.
    package var memory = ByteReservation.automatic
    /// Bytes of disk for checkpoints and artifacts.
    package var disk = ByteReservation.automatic
    /// Running time over all attempts.
    package var timeLimit = Milliseconds(seconds: 7 * 86_400)

    /// The defaults.
    package init() {}
}

/// A reservation in bytes.
package enum ByteReservation: Sendable, Hashable {
    /// Estimated by the code that will use it.
    case automatic
    /// Exactly this many bytes.
    case bytes(Int64)
}

/// Which failures are tried again.
package struct RetryPolicy: Sendable, Hashable {
    /// Failures without progress in between that are tried again before the job fails; 0 tries nothing again.
    package var maxFailures = 2
    /// First waiting time; doubles with every failure up to an hour.
    package var backoff = Milliseconds(seconds: 60)
    /// The failures worth another try.
    package var on: [RetryableFailure] = [.crash, .oom, .ioError, .hang]

    /// The defaults.
    package init() {}
}

/// A failure that may be listed in `retry.on`.
package enum RetryableFailure: String, Sendable, Hashable, CaseIterable {
    case crash
    case oom
    case ioError = "io_error"
    case hang
    case diverged
    case timeout
}

/// When checkpoints are written and which of them are kept.
package struct CheckpointSettings: Sendable, Hashable {
    /// Longest time between two checkpoints.
    package var every = Milliseconds(seconds: 600)
    /// Also after this many optimizer steps.
    package var everySteps: Int?
    /// How many of the newest are kept, at least 2.
    package var keepLast = 2
    /// Name of an evaluation metric; the checkpoint with the best value is kept too.
    package var keepBest: String?
    /// Also keep every checkpoint whose step is a multiple of this.
    package var keepEvery: Int?

    /// The defaults.
    package init() {}

    /// Whether a smaller value of `keepBest` is the better one (losses and perplexities).
    package var keepBestIsSmallest: Bool {
        guard let keepBest else { return false }
        return ["loss", "perplexity", "nll"].contains { keepBest.hasSuffix($0) }
    }
}
