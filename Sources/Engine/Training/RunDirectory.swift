package import JobModel

/// Names inside the directory of one run.
package struct RunDirectory: Sendable, Hashable {
    package let path: String

    package init(_ path: String) { self.path = path }

    package var metrics: String { path + "/metrics.jsonl" }
    package var checkpoints: String { path + "/checkpoints" }
    package var artifacts: String { path + "/artifacts" }
    package var result: String { path + "/" + ResultRecord.fileName }
    package var lock: String { path + "/run.lock" }
    /// Scores of the reference, one file per dataset.
    package var cache: String { path + "/cache" }
}
