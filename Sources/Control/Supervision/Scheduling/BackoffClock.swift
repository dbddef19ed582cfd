import JobModel
import JobQueue

/// How long jobs still wait after a failure, on the clock that never jumps. The queue has times of day, which somebody
/// may set back or forth while a job waits; a daemon that has just started has nothing else, but never waits longer than
/// the whole wait was meant to be.
struct BackoffClock {
    private struct Wait: Hashable {
        let job: Int64
        let fence: Int64
    }

    private var ends: [Wait: Duration] = [:]

    /// The earliest end.
    var next: Duration? { ends.values.min() }

    /// The jobs whose wait is over. What is not in `waits` any more is forgotten.
    mutating func over(_ waits: [Backoff], monotonic: Duration, wall: Timestamp) -> [Int64] {
        var known: [Wait: Duration] = [:]
        var over: [Int64] = []
        for backoff in waits {
            let wait = Wait(job: backoff.job, fence: backoff.fence)
            let end = ends[wait] ?? monotonic + .milliseconds(Self.left(of: backoff, wall))
            if end <= monotonic { over.append(backoff.job) } else { known[wait] = end }
        }
        ends = known
        return over
    }

    private static func left(of backoff: Backoff, _ wall: Timestamp) -> Int64 {
        let whole = max(0, backoff.until.milliseconds - backoff.since.milliseconds)
        return min(max(0, backoff.until.milliseconds - wall.milliseconds), whole)
    }
}
