import JobModel
import Synchronization

@testable import Supervision

/// Time that stands still until a test moves it.
final class ManualTime: TimeSource {
    private let elapsed = Mutex(Duration.zero)
    private let start = Timestamp(milliseconds: 1_800_000_000_000)
    private let error = Mutex(Milliseconds(0))

    var monotonic: Duration { elapsed.withLock { $0 } }

    var wall: Timestamp {
        let (seconds, attoseconds) = monotonic.components
        return start + error.withLock { $0 } + Milliseconds(seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }

    /// Sets the time of day, as somebody at the machine would.
    func setWall(offBy span: Milliseconds) { error.withLock { $0 = span } }

    func advance(_ duration: Duration) { elapsed.withLock { $0 += duration } }
}
