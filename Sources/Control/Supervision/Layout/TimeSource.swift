import Glibc
package import JobModel

/// Where the supervisor reads the time, so that tests can move it.
package protocol TimeSource: Sendable {
    /// Time since some fixed moment; never jumps. All waiting is measured with it.
    var monotonic: Duration { get }
    /// The time of day, for people and for `not_before`. May jump.
    var wall: Timestamp { get }
}

extension Duration {
    /// Whole milliseconds.
    var inMilliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}

/// The time of this machine.
package struct SystemTime: TimeSource {
    /// The clocks of the kernel.
    package init() {}

    package var monotonic: Duration {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }

    package var wall: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
