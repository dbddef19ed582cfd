package import JobModel

/// Who is told how a run is going. Calls come from the training thread and must not wait.
package protocol TrainingObserver: Sendable {
    func began(_ phase: WorkerPhase)
    /// After every optimizer step.
    func progressed(_ progress: ProgressEvent)
    func saved(_ checkpoint: CheckpointEvent)
    func failedToSave(errno: Int32)
    /// A sentence for the log.
    func noted(_ text: String)
}

/// Tells nobody.
package struct SilentObserver: TrainingObserver {
    package init() {}
    package func began(_ phase: WorkerPhase) {}
    package func progressed(_ progress: ProgressEvent) {}
    package func saved(_ checkpoint: CheckpointEvent) {}
    package func failedToSave(errno: Int32) {}
    package func noted(_ text: String) {}
}
