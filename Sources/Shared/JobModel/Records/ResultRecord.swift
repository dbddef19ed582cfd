/// `result.json` of a run: written once, the commit point of success and of final failure.
package struct ResultRecord: Sendable, Hashable, Codable {
    /// Name of the file in a run directory.
    package static let fileName = "result.json"

    /// A published file.
    package struct Artifact: Sendable, Hashable, Codable {
        /// Path under `artifacts/`.
        package var name: String
        /// Its size.
        package var bytes: Int64
        /// Lower-case hex digest of its content.
        package var sha256: String

        /// A published file.
        package init(name: String, bytes: Int64, sha256: String) {
            self.name = name
            self.bytes = bytes
            self.sha256 = sha256
        }
    }

    /// Version of this record.
    package var version = 1
    /// Job number; 0 for `hone run`.
    package var job: Int64
    /// Job name.
    package var name: String
    /// What it computed.
    package var method: Method
    /// Lower-case hex digest of spec.json.
    package var specSha256: String
    /// The attempt that wrote this; only its own result finishes a job.
    package var fence: Int64
    /// How it ended.
    package var outcome: AttemptOutcome
    /// One sentence for people.
    package var detail: String?
    /// Optimizer steps done.
    package var steps: Int64
    /// Evaluation before the first step; empty without an eval file.
    package var initialMetrics: [String: Double]
    /// Metrics at the end.
    package var metrics: [String: Double]
    /// The published files, in order of name.
    package var artifacts: [Artifact]
    /// What the last attempt used.
    package var usage: WorkerUsage?
    /// When it was written.
    package var finished: Timestamp

    /// A result.
    package init(
        job: Int64, name: String, method: Method, specSha256: String, fence: Int64, outcome: AttemptOutcome,
        detail: String? = nil, steps: Int64, initialMetrics: [String: Double] = [:], metrics: [String: Double] = [:],
        artifacts: [Artifact] = [], usage: WorkerUsage? = nil, finished: Timestamp
    ) {
        self.job = job
        self.name = name
        self.method = method
        self.specSha256 = specSha256
        self.fence = fence
        self.outcome = outcome
        self.detail = detail
        self.steps = steps
        self.initialMetrics = initialMetrics
        self.metrics = metrics
        self.artifacts = artifacts
        self.usage = usage
        self.finished = finished
    }
}
