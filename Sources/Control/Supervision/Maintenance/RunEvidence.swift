import DurableFiles
import Glibc
package import JobModel
import JobQueue

/// What the directory of a run tells about its job. Everything here is written by a worker or the daemon with a durable
/// write, except `status.json`, which a crash of the machine may take back by a second, and `spec.json`, which is on the
/// disk for certain when the job's first worker starts.
struct RunEvidence {
    let run: RunDirectory
    let result: ResultRecord?
    let status: StatusRecord?

    init(_ run: RunDirectory) {
        self.run = run
        result = Self.decoded(ResultRecord.self, run.result)
        status = Self.decoded(StatusRecord.self, run.status)
    }

    /// The resolved specification; nil where it is missing. What cannot be read is an error.
    func specification() throws -> (spec: JobSpec, bytes: [UInt8])? {
        guard fileKind(run.spec) == .file else { return nil }
        let bytes = try readFile(run.spec, limit: 1 << 20)
        return (try JobSpec.decode(bytes, format: .json, paths: .anywhere), bytes)
    }

    /// The newest attempt that left a trace: its lock, its log, its result.
    var fence: Int64 {
        let lock = (try? readFile(run.lock, limit: 4096)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let locked = Int64(lock.prefix { $0 != "\n" }) ?? 0
        return max(locked, run.newestAttempt, result?.fence ?? 0, status?.attempt ?? 0)
    }

    var standing: RecoveredJob.Standing {
        if let result, result.outcome == .success { return .succeeded(result) }
        switch status?.state {
        case .failed: return .failed(status?.reason ?? "it had failed before the queue was rebuilt")
        case .quarantined: return .quarantined(status?.reason ?? "it was quarantined before the queue was rebuilt")
        case .cancelled: return .cancelled
        case .held: return .held
        case .blocked, .queued, .starting, .running, .stopping, .backoff, .succeeded, nil: return .live
        }
    }

    /// User number of the directory's owner: of the job, where nothing better is known.
    var owner: Int64 {
        var status = stat()
        return stat(run.path, &status) == 0 ? Int64(status.st_uid) : Int64(geteuid())
    }

    /// When the specification was written; `otherwise` without one.
    func submitted(otherwise: Timestamp) -> Timestamp {
        var status = stat()
        guard stat(run.spec, &status) == 0 else { return otherwise }
        return Timestamp(milliseconds: Int64(status.st_mtim.tv_sec) * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000)
    }

    private static func decoded<Value: Decodable>(_ type: Value.Type, _ path: String) -> Value? {
        guard fileKind(path) == .file, let bytes = try? readFile(path, limit: 16 << 20) else { return nil }
        return try? JSONCoding.decode(type, from: bytes)
    }
}

extension RunDirectory {
    /// Number of the newest attempt that has a log; 0 before the first.
    package var newestAttempt: Int64 { ((try? directoryNames(logs)) ?? []).compactMap(Self.attempt).max() ?? 0 }

    /// Whether the directory was made and nothing was ever written into it to the end.
    var isUnbegun: Bool {
        guard let names = try? directoryNames(path) else { return false }
        return names.allSatisfy { $0.hasPrefix(".") }
    }
}

extension Root {
    /// What only an earlier queue can have left; nil where there is nothing of the kind.
    package var tracesOfJobs: String? {
        if let run = ((try? directoryNames(runs)) ?? []).first(where: { RunName($0) != nil }) { return "runs/\(run)" }
        let asides = ((try? directoryNames(database)) ?? []).filter {
            $0.hasPrefix(QueueRebuild.asidePrefix) || $0 == lastComponent(QueueRebuild.draft(self))
        }
        return asides.first.map { "db/\($0)" }
    }
}
