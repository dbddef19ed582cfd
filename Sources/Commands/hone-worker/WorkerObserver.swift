import Foundation
import Glibc
import JobModel
import Synchronization
import Training

/// Tells the daemon how training goes, and the log what people should know. Beats every five seconds.
final class WorkerObserver: TrainingObserver {
    private let events: EventWriter
    private let place = Mutex((step: Int64(0), phase: WorkerPhase.load))

    private static let beat: UInt32 = 5

    init(_ events: EventWriter) { self.events = events }

    /// A beat proves that the process lives; the step in it, that training gets on.
    func startBeating() {
        Thread.detachNewThread { [self] in
            while true {
                let (step, phase) = place.withLock { $0 }
                events.send(.beat(BeatEvent(monoMs: Self.monotonicMilliseconds(), step: step, phase: phase)))
                sleep(Self.beat)
            }
        }
    }

    func began(_ phase: WorkerPhase) {
        let isNew = place.withLock { place in
            defer { place.phase = phase }
            return place.phase != phase
        }
        if isNew { events.send(.phase(phase)) }
    }

    func progressed(_ progress: ProgressEvent) {
        place.withLock { $0.step = progress.step }
        events.send(.progress(progress))
    }

    func saved(_ checkpoint: CheckpointEvent) {
        events.send(.checkpoint(checkpoint))
        complain("checkpoint \(checkpoint.dir): \(checkpoint.bytes) bytes in \(checkpoint.ms) ms")
    }

    func failedToSave(errno: Int32) {
        events.send(.checkpointFailed(errno: errno))
        complain("a checkpoint could not be written; training goes on, and tries again later")
    }

    func noted(_ text: String) { complain(text) }

    private static func monotonicMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
