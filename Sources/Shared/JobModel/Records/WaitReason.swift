/// Why a job is not running, for machines first: one object whose only key names the kind.
package enum WaitReason: Sendable, Hashable, Codable {
    /// Not enough cores; `earliest` if it can be told.
    case resources(need: Int, free: Int, earliest: Timestamp?)
    /// Not enough memory, in bytes.
    case memory(need: Int64, free: Int64)
    /// Not enough disk, in bytes.
    case disk(need: Int64, free: Int64)
    /// Another job has not ended yet, or ended otherwise than wanted.
    case dependency(job: Int64, state: JobState)
    /// No job of that name has been seen.
    case dependencyName(name: String)
    /// Inputs are not known yet; `hashed` is the share that is.
    case inputs(hashed: Double)
    /// Waits for a release.
    case held(by: String)
    /// Waits after a failure.
    case backoff(until: Timestamp, after: AttemptOutcome)
    /// Too early.
    case notBefore(until: Timestamp)
    /// Its queue is full.
    case queueLimit(running: Int, limit: Int)
    /// The daemon starts nothing.
    case drain
    /// The daemon cannot work normally.
    case degraded(why: String)
    /// It ended without success.
    case ended(outcome: AttemptOutcome, detail: String)
}

extension WaitReason: CustomStringConvertible {
    /// One sentence for people.
    package var description: String {
        switch self {
        case .resources(let need, let free, let earliest):
            "needs \(need) cores, \(free) are free" + (earliest.map { "; not before \($0)" } ?? "")
        case .memory(let need, let free): "needs \(ByteSize(need)) of memory, \(ByteSize(free)) are free"
        case .disk(let need, let free): "needs \(ByteSize(need)) of disk, \(ByteSize(free)) are free"
        case .dependency(let job, let state): "waits for job \(job), which is \(state.rawValue)"
        case .dependencyName(let name): "waits for a job named \(name); none seen"
        case .inputs(let hashed): "inputs are being hashed (\(Int(hashed * 100)) %)"
        case .held(let by): "held by \(by)"
        case .backoff(let until, let outcome): "tries again at \(until) after \(outcome.rawValue)"
        case .notBefore(let until): "not before \(until)"
        case .queueLimit(let running, let limit): "its queue runs \(running) of at most \(limit) jobs"
        case .drain: "the daemon is draining and starts nothing"
        case .degraded(let why): "the daemon starts nothing: \(why)"
        case .ended(let outcome, let detail): detail.isEmpty ? outcome.rawValue : "\(outcome.rawValue): \(detail)"
        }
    }
}
