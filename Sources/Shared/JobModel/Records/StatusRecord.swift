/// `status.json` of a run: how a job stands, replaced at most once a second. For people and programs that may read the
/// run directory but not the database.
package struct StatusRecord: Sendable, Hashable, Codable {
    /// Name of the file in a run directory.
    package static let fileName = "status.json"

    /// Version of this record.
    package var version = 1
    /// Job number; 0 for `hone run`.
    package var job: Int64
    /// Job name.
    package var name: String
    /// What it computes.
    package var method: Method
    /// Where it stands.
    package var state: JobState
    /// Number of the newest attempt.
    package var attempt: Int64
    /// What the worker is doing.
    package var phase: WorkerPhase?
    /// Optimizer steps done.
    package var step: Int64 = 0
    /// Optimizer steps in all; nil until known.
    package var total: Int64?
    /// Loss of the newest step.
    package var loss: Double?
    /// Learning rate of the newest step.
    package var learningRate: Double?
    /// Tokens per second.
    package var tokensPerSecond: Double?
    /// Seconds to the end, as estimated.
    package var etaSeconds: Double?
    /// Newest metrics, by their names in metrics.jsonl.
    package var metrics: [String: Double] = [:]
    /// Why it is not running, or how it failed.
    package var reason: String?
    /// When this was written.
    package var updated: Timestamp

    /// A job without progress yet.
    package init(job: Int64, name: String, method: Method, state: JobState, attempt: Int64, updated: Timestamp) {
        self.job = job
        self.name = name
        self.method = method
        self.state = state
        self.attempt = attempt
        self.updated = updated
    }
}
