import GRDB
import JobModel
import Synchronization

/// The jobs whose turn may come, kept beside the database: the scheduler asks for all of them whenever something has
/// changed, and to read ten thousand takes longer than to decide.
///
/// Nobody else writes to the queue, so the rows that transactions of this connection have changed are all that has
/// changed.
final class QueuedJobsMirror: TransactionObserver, Sendable {
    private struct State {
        /// nil until they are asked for.
        var jobs: [Int64: WaitingJob]?
        /// The same in order of priority and number.
        var ordered: [WaitingJob] = []
        /// Jobs that were changed since.
        var changed: Set<Int64> = []
        /// Jobs that the transaction in progress has changed.
        var pending: Set<Int64> = []
    }

    private let state = Mutex(State())
    /// Beyond so many changes, reading all is quicker.
    private static let mostChanges = 2000

    func observes(eventsOfKind kind: DatabaseEventKind) -> Bool { kind.tableName == "jobs" }

    func databaseDidChange(with event: DatabaseEvent) { state.withLock { _ = $0.pending.insert(event.rowID) } }

    func databaseDidCommit(_ database: Database) {
        state.withLock {
            $0.changed.formUnion($0.pending)
            $0.pending = []
        }
    }

    func databaseDidRollback(_ database: Database) { state.withLock { $0.pending = [] } }

    /// All of them as the database has them, in order of priority and number.
    func jobs(in database: Database) throws -> [WaitingJob] {
        try state.withLock { state in
            if state.jobs == nil || state.changed.count > Self.mostChanges {
                let all = try WaitingRows.queued(in: database)
                state.jobs = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) })
                state.ordered = all
            } else if !state.changed.isEmpty {
                for job in state.changed { state.jobs?[job] = try WaitingRows.queued(job, in: database) }
                state.ordered = (state.jobs ?? [:]).values.sorted { ($1.priority, $0.id) < ($0.priority, $1.id) }
            }
            state.changed = []
            return state.ordered
        }
    }
}
