/// What becomes of a job after a failure.
package enum RetryDecision: Sendable, Hashable {
    /// Try again after this time.
    case retry(after: Milliseconds)
    /// It failed.
    case fail
    /// The same failure at the same step too often.
    case quarantine
}

extension RetryPolicy {
    /// Failures of one kind at one step that make a job poison.
    package static let poisonLimit = 3
    /// Longest waiting time between two attempts.
    package static let longestBackoff = Milliseconds(seconds: 3600)

    /// Decides about a failure.
    ///
    /// - Parameters:
    ///   - outcome: how the attempt failed.
    ///   - failures: failures since the job last got further, this one included.
    ///   - repeats: newest attempts in a row that ended with this outcome at this step, this one included.
    ///   - jitter: 0 ..< 1, drawn by the caller.
    package func decision(
        after outcome: AttemptOutcome, failures: Int, repeats: Int, jitter: Double
    ) -> RetryDecision {
        guard let failure = RetryableFailure(outcome), on.contains(failure) else { return .fail }
        if repeats >= Self.poisonLimit { return .quarantine }
        if failures > maxFailures { return .fail }
        return .retry(after: delay(beforeRetry: failures, jitter: jitter))
    }

    /// Waiting time before the retry with this number (1 is the first): doubled each time up to an hour, and up to a
    /// quarter longer, so that jobs that failed together do not come back together.
    package func delay(beforeRetry number: Int, jitter: Double) -> Milliseconds {
        let doublings = min(max(number - 1, 0), 30)
        let (product, overflow) = backoff.value.multipliedReportingOverflow(by: 1 << Int64(doublings))
        let base = overflow ? Self.longestBackoff.value : min(product, Self.longestBackoff.value)
        return Milliseconds(base + Int64(Double(base) * 0.25 * jitter))
    }
}
