package import JobQueue
package import Supervision

/// What the routes work with: the supervisor for whatever changes something, the queue for reading.
package struct Desk: Sendable {
    let supervisor: Supervisor
    let store: any JobStore

    /// A desk of one daemon.
    package init(supervisor: Supervisor, store: any JobStore) {
        self.supervisor = supervisor
        self.store = store
    }

    /// The number of a job given by number or by name (the newest of that name).
    func number(of job: String) async throws -> Int64 {
        if let number = Int64(job), try await store.job(number) != nil { return number }
        guard let number = try await store.newestJob(named: job, uid: nil) else { throw ControlError.noSuchJob(job) }
        return number
    }
}
