import Foundation
import JobModel
import JobQueue
import TestFolders

/// What tests submit.
enum Fixtures {
    static let now = Timestamp(milliseconds: 1_800_000_000_000)
    static let digest = String(repeating: "ab", count: 32)

    static func later(_ seconds: Int64) -> Timestamp { now + Milliseconds(seconds: seconds) }

    /// A file whose identity depends on its inode only.
    static func file(_ inode: Int64, uid: Int64 = 1000) -> SubmittedFile {
        SubmittedFile(
            name: "f\(inode).yaml", uid: uid, device: 1, inode: inode, modifiedNanoseconds: 5, size: 9, sha256: digest)
    }

    /// A job that reads a model and rows, from the lines of a specification.
    static func job(_ name: String, _ lines: String = "", hashed: Bool = true) throws -> NewJob {
        let text = "name: \(name)\nmethod: dpo\nmodel: m\ndataset: {train: rows.jsonl}\n\(lines)\n"
        let spec = try JobSpec.decode(Array(text.utf8))
        let canonical = spec.canonicalJSON()
        return NewJob(
            spec: spec, canonical: canonical, specSHA256: Self.fingerprint(canonical), source: Array(text.utf8),
            memory: 1 << 20,
            inputs: spec.inputs.compactMap { input in
                guard case .path(let path, _) = input.reference else { return nil }
                return pin(input.role, "/data/\(path)", hashed: hashed)
            })
    }

    static func pin(_ role: InputRole, _ path: String, hashed: Bool = true) -> InputPin {
        InputPin(
            role: role, path: path, device: 1, inode: 2, size: 3, modifiedNanoseconds: 4, sha256: hashed ? digest : nil)
    }

    /// Stands in for a digest: equal bytes, equal text.
    private static func fingerprint(_ bytes: [UInt8]) -> String {
        let hash = bytes.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 64 - digits.count) + digits
    }
}

extension TestFolder {
    var database: String { path + "/queue.db" }
}

extension JobStore {
    /// Records a setting; nil removes it.
    func setSetting(_ name: String, to value: String?, actor: String, now: Timestamp) async throws {
        _ = try await changeSetting(name, actor: actor, now: now) { _ in value }
    }

    /// Submits a job and gives its number.
    func add(_ name: String, _ lines: String = "", uid: Int64 = 1000, hashed: Bool = true) async throws -> Int64 {
        let inode = try await lastSequence() + 1000
        let submission = try await submit(
            try Fixtures.job(name, lines, hashed: hashed), from: Fixtures.file(inode, uid: uid), now: Fixtures.now)
        return submission.job ?? 0
    }

    /// Claims a job and lets its worker take the lock.
    func start(_ job: Int64) async throws -> Int64 {
        guard let claim = try await claim(job, cores: [0], memory: 1, now: Fixtures.now) else { return 0 }
        try await attemptSpawned(job, fence: claim.fence, pid: 42, startTicks: 7, bootID: "b", now: Fixtures.now)
        try await attemptRunning(job, fence: claim.fence, resumeStep: 0, now: Fixtures.now)
        return claim.fence
    }

    /// Ends an attempt.
    @discardableResult
    func end(
        _ job: Int64, _ fence: Int64, _ outcome: AttemptOutcome, step: Int64 = 0, at now: Timestamp = Fixtures.now
    ) async throws -> JobState {
        try await attemptEnded(
            job, fence: fence, AttemptEnding(outcome), detail: "why", step: step, exit: (nil, nil), usage: nil,
            policy: nil,
            now: now)
    }

    func state(_ job: Int64) async throws -> JobState? { try await self.job(job)?.summary.state }
}
