import JobModel
import DurableFiles

/// Every boundary of the control plane at which the daemon may die. A test walks this list, so that a new boundary
/// without a test cannot be forgotten.
package enum Boundary: String, Sendable, CaseIterable {
    case ingestBeforeCommit = "ingest.before_commit"
    case ingestAfterCommit = "ingest.after_commit"
    case ingestAfterRunDirectory = "ingest.after_run_directory"
    case ingestAfterMove = "ingest.after_move"
    case ingestAfterForce = "ingest.after_force"
    case ingestAfterMark = "ingest.after_mark"
    case rejectBeforeCommit = "reject.before_commit"
    case rejectAfterCommit = "reject.after_commit"
    case rejectAfterErrorFile = "reject.after_error_file"
    case rejectAfterMove = "reject.after_move"
    case claimBeforeCommit = "claim.before_commit"
    case claimAfterCommit = "claim.after_commit"
    case launchAfterSpawn = "launch.after_spawn"
    case launchAfterSpawnRecorded = "launch.after_spawn_recorded"
    case launchAfterRunningRecorded = "launch.after_running_recorded"
    case recordBeforeCommit = "record.before_commit"
    case recordAfterCommit = "record.after_commit"
    case recoveryBeforeCommit = "recovery.before_commit"
    case recoveryAfterCommit = "recovery.after_commit"
    case controlBeforeCommit = "control.before_commit"
    case controlAfterCommit = "control.after_commit"

    /// The daemon got here.
    func reach() { FailPoint.reach(rawValue) }
}
