package import JobModel
import Synchronization

/// Whether the run was asked to stop or to save, looked at between any two pieces of work.
///
/// Any thread may ask; asking again changes nothing, except that "now" outranks "with a checkpoint".
package final class StopSignal: Sendable {
    /// Thrown where work ends because somebody asked.
    package struct Stopped: Error, Sendable, Equatable, CustomStringConvertible {
        package let mode: StopCommand.Mode

        package init(mode: StopCommand.Mode) { self.mode = mode }

        package var description: String { "stopped as asked" }
    }

    private let state = Atomic<Int>(0)
    private let saving = Atomic<Bool>(false)
    private let asksFromOutside: @Sendable () -> Bool

    /// - Parameter asksFromOutside: looked at with every check: a flag that a signal handler sets.
    package init(asksFromOutside: @escaping @Sendable () -> Bool = { false }) {
        self.asksFromOutside = asksFromOutside
    }

    package func request(_ mode: StopCommand.Mode) {
        switch mode {
        case .checkpoint: _ = state.compareExchange(expected: 0, desired: 1, ordering: .relaxed)
        case .now: state.store(2, ordering: .relaxed)
        }
    }

    package func requestCheckpoint() { saving.store(true, ordering: .relaxed) }

    /// Whether a checkpoint was asked for since the last call.
    package func takeCheckpointRequest() -> Bool { saving.exchange(false, ordering: .relaxed) }

    /// What was asked for, if anything.
    package var mode: StopCommand.Mode? {
        switch state.load(ordering: .relaxed) {
        case 0: asksFromOutside() ? .checkpoint : nil
        case 1: .checkpoint
        default: .now
        }
    }

    /// Throws `Stopped` once a stop was asked for.
    package func check() throws(Stopped) {
        if let mode { throw Stopped(mode: mode) }
    }
}
