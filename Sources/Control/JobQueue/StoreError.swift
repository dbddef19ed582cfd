/// What can go wrong with the queue.
package enum StoreError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A write named a fence that is no longer the newest, or an attempt that has ended.
    case staleWrite(job: Int64, fence: Int64)
    /// What was asked for is not allowed; the text says why.
    case refused(String)
    /// There is no such job.
    case noSuchJob(Int64)
    /// The database is damaged, foreign or newer than this program. It was left as it is and copied to `copies`;
    /// the daemon has to end with exit code 78, and a person has to look.
    case databaseRefused(path: String, reason: String, copies: String?)
    /// The disk is full, or reading or writing failed, or somebody holds the database: try again later.
    case unavailable(String)
    /// The connection does not keep what it commits through a loss of power.
    case notDurable(String)

    package var description: String {
        switch self {
        case .staleWrite(let job, let fence):
            "stale write refused: attempt \(fence) of job \(job) is not the open one"
        case .refused(let reason): reason
        case .noSuchJob(let id): "there is no job \(id)"
        case .databaseRefused(let path, let reason, let copies):
            "database refused: \(path): \(reason)"
                + (copies.map { "; see \($0); nothing was changed. hone restore goes back to a backup, hone recover rebuilds "
                    + "the queue from its files" } ?? "")
        case .unavailable(let reason): "the queue database cannot be used now: \(reason)"
        case .notDurable(let reason): "the queue database would not survive a loss of power: \(reason)"
        }
    }
}
