import Foundation
import GRDB
import JobModel
import JobQueue

/// A queue with a past, written without going through every state.
enum PastJobs {
    /// Puts finished and queued jobs into the database at `path`, which nobody has open.
    static func fill(_ path: String, finished: Int, queued: Int) throws {
        let database = try DatabaseQueue(path: path)
        defer { try? database.close() }
        let spec = try newJob("past").canonical
        try database.write { database in
            let triggers = try Row.fetchAll(database, sql: "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            for trigger in triggers { try database.execute(sql: "DROP TRIGGER \(trigger["name"] as String)") }
            try insert("past", "succeeded", finished, spec, database)
            try insert("wait", "queued", queued, spec, database)
            try database.execute(
                sql: """
                    INSERT INTO attempts(job_id, n, state, outcome, created_ms, spawned_ms, ended_ms)
                    SELECT id, 1, 'ended', 'success', 0, 0, 1000 FROM jobs WHERE state = 'succeeded';
                    INSERT INTO events(ts_ms, job_id, attempt, type, from_state, to_state, actor)
                    SELECT 0, id, 1, 'state', 'running', 'succeeded', 'daemon' FROM jobs WHERE state = 'succeeded'
                    UNION ALL SELECT 0, id, 1, 'state', 'starting', 'running', 'daemon' FROM jobs WHERE state = 'succeeded';
                    INSERT INTO submissions(dev, ino, mtime_ns, size, sha256, name, uid, outcome, file_state, job_id, seen_ms)
                    SELECT 1, id, 1, 1, zeroblob(32), name, uid, 'accepted', 'moved', id, 0 FROM jobs;
                    """)
            for trigger in triggers { try database.execute(sql: trigger["sql"]) }
        }
        try database.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
    }

    private static func insert(_ name: String, _ state: String, _ count: Int, _ spec: [UInt8], _ database: Database) throws {
        guard count > 0 else { return }
        try database.execute(
            sql: """
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                INSERT INTO jobs(name, method, queue, uid, source, spec, spec_sha256, spec_version, cpus, mem_bytes,
                  time_limit_s, state, state_since_ms, fence, submitted_ms, finished_ms)
                SELECT ? || '-' || i, 'sft', 'default', 1000, ?, ?, zeroblob(32), 1, 1, 1048576, 604800, ?, 0, 0, 0,
                  CASE WHEN ? = 'succeeded' THEN 1000 END FROM n
                """, arguments: [count, name, Data(spec), Data(spec), state, state])
    }

    static func newJob(_ name: String) throws -> NewJob {
        let text = "name: \(name)\nmethod: sft\nmodel: m\ndataset: {train: rows.jsonl}\ntrain: {steps: 10}\n"
        let spec = try JobSpec.decode(Array(text.utf8))
        let digest = String(repeating: "ab", count: 32)
        return NewJob(
            spec: spec, canonical: spec.canonicalJSON(), specSHA256: digest, source: Array(text.utf8), memory: 1 << 20,
            inputs: [InputRole.model, .trainingData].map {
                InputPin(role: $0, path: "/data/\($0)", device: 1, inode: 2, size: 3, modifiedNanoseconds: 4, sha256: digest)
            })
    }

    static func file(_ inode: Int64) -> SubmittedFile {
        SubmittedFile(
            name: "\(inode).yaml", uid: 1000, device: 2, inode: inode, modifiedNanoseconds: 5, size: 9,
            sha256: String(repeating: "cd", count: 32))
    }
}
