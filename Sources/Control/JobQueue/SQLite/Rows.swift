import Foundation
import GRDB
import JobModel

/// The specification of a job, from its canonical form.
enum SpecificationRow {
    static func of(_ job: Int64, in database: Database) throws -> JobSpec {
        guard let data = try Data.fetchOne(database, sql: "SELECT spec FROM jobs WHERE id = ?", arguments: [job]) else {
            throw StoreError.noSuchJob(job)
        }
        do {
            return try JobSpec.decode([UInt8](data), format: .json, paths: .anywhere)
        } catch {
            throw StoreError.refused("job \(job): this build does not understand its specification: \(error)")
        }
    }
}

/// The input files of a job.
enum InputRows {
    static func of(_ job: Int64, in database: Database) throws -> [InputPin] {
        try database.rowsCached(
            sql: "SELECT * FROM inputs WHERE job_id = ? ORDER BY role, path", arguments: [job]
        ).map(pin)
    }

    static func pin(_ row: Row) throws -> InputPin {
        InputPin(
            role: try row.decoded("role"), path: row["path"], device: row["dev"], inode: row["ino"], size: row["size"],
            modifiedNanoseconds: row["mtime_ns"], sha256: (row["sha256"] as Data?).map(Hexadecimal.text))
    }

    /// Records a digest, once.
    static func pin(_ pin: InputPin, of job: Int64, in database: Database) throws {
        guard let digest = pin.sha256 else { throw StoreError.refused("\(pin.path): there is no digest to record") }
        try database.executeCached(
            sql: "UPDATE inputs SET sha256 = ? WHERE job_id = ? AND role = ? AND path = ? AND sha256 IS NULL",
            arguments: [try Hexadecimal.bytes(digest), job, pin.role.rawValue, pin.path])
    }

    static func insert(_ pin: InputPin, of job: Int64, in database: Database) throws {
        try database.executeCached(
            sql: """
                INSERT INTO inputs(job_id, role, path, dev, ino, size, mtime_ns, sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO NOTHING
                """,
            arguments: [
                job, pin.role.rawValue, pin.path, pin.device, pin.inode, pin.size, pin.modifiedNanoseconds,
                try pin.sha256.map(Hexadecimal.bytes),
            ])
    }
}

/// Attempts.
enum AttemptRows {
    /// Milliseconds that the ended attempts of the job in the surrounding query have run.
    static let runningTime = """
        (SELECT coalesce(sum(max(0, ended_ms - coalesce(spawned_ms, ended_ms))), 0) FROM attempts
         WHERE job_id = jobs.id)
        """

    static func of(_ job: Int64, in database: Database) throws -> [AttemptDetails] {
        try Row.fetchAll(database, sql: "SELECT * FROM attempts WHERE job_id = ? ORDER BY n", arguments: [job]).map {
            row in
            AttemptDetails(
                number: row["n"], state: row["state"], outcome: try row.decodedOptional("outcome"),
                detail: row["detail"],
                cpuList: row["cpu_list"], resumeStep: row["resume_step"], lastStep: row["last_step"],
                exitCode: row["exit_code"], signal: row["term_signal"], maxRSS: row["max_rss"],
                created: row.moment("created_ms"), spawned: row.optionalMoment("spawned_ms"),
                ended: row.optionalMoment("ended_ms"))
        }
    }

    static func checkpoints(of job: Int64, in database: Database) throws -> [CheckpointDetails] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM checkpoints WHERE job_id = ? AND state = 'ok' ORDER BY step, attempt",
            arguments: [job]
        ).map { row in
            CheckpointDetails(
                step: row["step"], attempt: row["attempt"], directory: row["dir"], bytes: row["bytes"],
                created: row.moment("created_ms"))
        }
    }
}

/// Lines of listings.
enum SummaryRows {
    static let columns = """
        id, name, method, queue, uid, priority, state, state_since_ms, want, cpus, fence, failures, best_step, reason,
        submitted_ms, finished_ms
        """

    static func page(_ page: JobPage, in database: Database) throws -> [JobSummary] {
        // Without the hint, the planner might walk through a million finished jobs to find the live ones.
        let scope =
            switch page.scope {
            case .live: "INDEXED BY jobs_live WHERE state NOT IN ('succeeded', 'failed', 'cancelled') AND"
            case .all: "WHERE"
            }
        return try all(
            "SELECT \(columns) FROM jobs \(scope) id < ? ORDER BY id DESC LIMIT ?",
            [page.before ?? .max, page.limit], in: database)
    }

    private static func all(
        _ sql: String, _ arguments: StatementArguments, in database: Database
    ) throws -> [JobSummary] {
        var jobs: [JobSummary] = []
        var reasons = ReasonTexts()
        let rows = try Row.fetchCursor(database, sql: sql, arguments: arguments)
        while let row = try rows.next() { jobs.append(try summary(row, &reasons)) }
        return jobs
    }

    // By position, as `columns` has them: looking names up takes longer than everything else in a long listing.
    private static func summary(_ row: Row, _ reasons: inout ReasonTexts) throws -> JobSummary {
        let reason: String? = row[13]
        let finished: Int64? = row[15]
        return JobSummary(
            id: row[0], name: row[1], method: row[2], queue: row[3], uid: row[4], priority: row[5],
            state: try row.decoded(6), stateSince: Timestamp(milliseconds: row[7]), want: try row.decoded(8),
            cpus: row[9], attempt: row[10], failures: row[11], bestStep: row[12],
            reason: try reason.map { try reasons.reason($0) }, submitted: Timestamp(milliseconds: row[14]),
            finished: finished.map { Timestamp(milliseconds: $0) })
    }

    /// Those with these numbers, in this order.
    static func of(_ jobs: [Int64], in database: Database) throws -> [JobSummary] {
        var reasons = ReasonTexts()
        let statement = try database.cachedStatement(sql: "SELECT \(columns) FROM jobs WHERE id = ?")
        return try jobs.compactMap { try Row.fetchOne(statement, arguments: [$0]).map { try summary($0, &reasons) } }
    }

    static func details(_ id: Int64, in database: Database) throws -> JobDetails? {
        var reasons = ReasonTexts()
        let row = try Row.fetchOne(
            database,
            sql: """
                SELECT \(columns), interruptions, mem_bytes, disk_bytes, spec_sha256 FROM jobs WHERE id = ?
                """, arguments: [id])
        guard let row else { return nil }
        let writer = LifecycleWriter(database: database, actor: "", now: Timestamp(milliseconds: 0))
        return JobDetails(
            summary: try summary(row, &reasons), interruptions: row["interruptions"], memory: row["mem_bytes"],
            disk: row["disk_bytes"], specSHA256: Hexadecimal.text(row["spec_sha256"]),
            dependencies: try writer.dependencies(of: id), inputs: try InputRows.of(id, in: database),
            attempts: try AttemptRows.of(id, in: database),
            checkpoints: try AttemptRows.checkpoints(of: id, in: database))
    }

    static func newest(named name: String, uid: Int64?, in database: Database) throws -> Int64? {
        if let uid {
            return try Int64.fetchOne(
                database, sql: "SELECT max(id) FROM jobs WHERE uid = ? AND name = ?", arguments: [uid, name])
        }
        // By way of the users, whose names are in an index; by name alone it would read every job there ever was.
        return try Int64.fetchOne(
            database,
            sql: """
                WITH RECURSIVE users(uid) AS (
                  SELECT min(uid) FROM jobs
                  UNION ALL SELECT (SELECT min(uid) FROM jobs WHERE uid > users.uid) FROM users WHERE uid IS NOT NULL)
                SELECT max((SELECT max(id) FROM jobs WHERE jobs.uid = users.uid AND name = ?)) FROM users
                """, arguments: [name])
    }

    static func liveCounts(in database: Database) throws -> [JobState: Int] {
        var counts: [JobState: Int] = [:]
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT state, count(*) AS jobs FROM jobs INDEXED BY jobs_live
                WHERE state NOT IN ('succeeded', 'failed', 'cancelled') GROUP BY state
                """)
        for row in rows { counts[try row.decoded("state")] = row["jobs"] }
        return counts
    }

    static func queueCounts(in database: Database) throws -> [String: [JobState: Int]] {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT queue, state, count(*) AS jobs FROM jobs INDEXED BY jobs_live
                WHERE state NOT IN ('succeeded', 'failed', 'cancelled') GROUP BY queue, state
                """)
        var counts: [String: [JobState: Int]] = [:]
        for row in rows { counts[row["queue"], default: [:]][try row.decoded("state")] = row["jobs"] }
        return counts
    }

    static func unfinishedCounts(in database: Database) throws -> [Int64: Int] {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT uid, count(*) AS jobs FROM jobs INDEXED BY jobs_live
                WHERE state NOT IN ('succeeded', 'failed', 'cancelled') AND state <> 'quarantined' GROUP BY uid
                """)
        return Dictionary(uniqueKeysWithValues: rows.map { ($0["uid"], $0["jobs"]) })
    }

    static func ended(
        before moment: Timestamp, after job: Int64, limit: Int, in database: Database
    ) throws -> [JobSummary] {
        try all(
            """
            SELECT \(columns) FROM jobs WHERE id > ? AND state IN ('succeeded', 'failed', 'cancelled')
              AND finished_ms < ? ORDER BY id LIMIT ?
            """, [job, moment.milliseconds, limit], in: database)
    }

    static func lastSequence(in database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "SELECT max(seq) FROM events") ?? 0
    }

    static func events(after sequence: Int64, job: Int64?, limit: Int, in database: Database) throws -> [QueueEvent] {
        let scope = job == nil ? "" : "AND job_id = :job"
        var arguments: StatementArguments = ["seq": sequence, "limit": limit]
        if let job { arguments += ["job": job] }
        return try Row.fetchAll(
            database, sql: "SELECT * FROM events WHERE seq > :seq \(scope) ORDER BY seq LIMIT :limit",
            arguments: arguments
        ).map { row in
            QueueEvent(
                sequence: row["seq"], time: row.moment("ts_ms"), job: row["job_id"], attempt: row["attempt"],
                type: row["type"], from: try row.decodedOptional("from_state"), to: try row.decodedOptional("to_state"),
                actor: row["actor"], data: row["data"])
        }
    }
}
