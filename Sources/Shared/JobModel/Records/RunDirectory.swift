/// The directory of one job: what its owner looks at.
package struct RunDirectory: Sendable, Hashable {
    /// Absolute or relative to where the daemon was started.
    package let path: String

    /// The directory at `path`, which need not be there yet.
    package init(_ path: String) { self.path = path }

    /// The resolved specification; never changes.
    package var spec: String { "\(path)/spec.json" }
    /// What the job does now, for people and programs without the database.
    package var status: String { "\(path)/\(StatusRecord.fileName)" }
    /// One line per logged step.
    package var metrics: String { "\(path)/metrics.jsonl" }
    /// The commit point of success and failure.
    package var result: String { "\(path)/\(ResultRecord.fileName)" }
    /// The fence: held by the worker.
    package var lock: String { "\(path)/run.lock" }
    /// Saved states.
    package var checkpoints: String { "\(path)/checkpoints" }
    /// What the job was run for.
    package var artifacts: String { "\(path)/artifacts" }
    /// Where the workers' standard errors go.
    package var logs: String { "\(path)/log" }
    /// What the worker may compute again: scores of the reference.
    package var cache: String { "\(path)/cache" }
    /// Scratch space of the worker.
    package var temporary: String { "\(path)/tmp" }

    /// Standard error of one attempt.
    package func log(attempt: Int64) -> String {
        let digits = String(attempt)
        return "\(logs)/attempt-\(String(repeating: "0", count: max(0, 3 - digits.count)))\(digits).log"
    }

    /// The attempt whose log has this name; nil for another file.
    package static func attempt(logged name: String) -> Int64? {
        guard name.hasPrefix("attempt-"), name.hasSuffix(".log") else { return nil }
        return Int64(name.dropFirst("attempt-".count).dropLast(".log".count))
    }
}
