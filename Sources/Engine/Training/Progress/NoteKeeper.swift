package import JobModel
import Synchronization

/// An observer that keeps what a run logs, and nothing else: for runs that are only planned, and for tests.
package final class NoteKeeper: TrainingObserver {
    private let kept = Mutex<[String]>([])

    package init() {}

    /// What was noted, in order.
    package var lines: [String] { kept.withLock { $0 } }

    package func began(_ phase: WorkerPhase) {}
    package func progressed(_ progress: ProgressEvent) {}
    package func saved(_ checkpoint: CheckpointEvent) {}
    package func failedToSave(errno: Int32) {}
    package func noted(_ text: String) { kept.withLock { $0.append(text) } }
}
