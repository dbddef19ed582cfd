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
        try Row.fetchAll(
            database, sql: "SELECT * FROM inputs WHERE job_id = ? ORDER BY role, path", arguments: [job]
        ).map(pin)
    }

    static func pin(_ row: Row) throws -> InputPin {
        InputPin(
            role: try row.decoded("role"), path: row["path"], device: row["dev"], inode: row["ino"], size: row["size"],
            modifiedNanoseconds: row["mtime_ns"], sha256: (row["sha256"] as Data?).map(Hexadecimal.text))
    }

    static func insert(_ pin: InputPin, of job: Int64, in database: Database) throws {
        try database.execute(
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

/// Jobs that have not started.
enum WaitingRows {
    // The whole condition of a partial index has to stand here for it to be used.
    private static let source = "jobs INDEXED BY jobs_live"
    private static let condition = "jobs.state = ? AND jobs.state NOT IN ('succeeded', 'failed', 'cancelled')"

    /// Three queries however many jobs there are.
    static func inState(_ state: JobState, in database: Database) throws -> [WaitingJob] {
        let dependencies = try dependencies(state, in: database)
        let inputs = try inputs(state, in: database)
        return try Row.fetchAll(
            database,
            sql: """
                SELECT *, \(AttemptRows.runningTime) AS ran_ms FROM \(source) WHERE \(condition)
                ORDER BY priority DESC, id
                """, arguments: [state.rawValue]
        ).map { row in
            let id: Int64 = row["id"]
            let notBefore = row.moment("not_before_ms")
            return WaitingJob(
                id: id, name: row["name"], queue: row["queue"], uid: row["uid"], priority: row["priority"],
                cpus: row["cpus"], memory: row["mem_bytes"], disk: row["disk_bytes"],
                submitted: row.moment("submitted_ms"), notBefore: notBefore.milliseconds == 0 ? nil : notBefore,
                timeLimit: Milliseconds(seconds: row["time_limit_s"]), ran: Milliseconds(row["ran_ms"]),
                spec: [UInt8](row["spec"] as Data), specSHA256: Hexadecimal.text(row["spec_sha256"]),
                dependencies: dependencies[id, default: []], inputs: inputs[id, default: []],
                reason: try SummaryRows.reason(row))
        }
    }

    /// Those that have not ended as wanted, by job.
    private static func dependencies(_ state: JobState, in database: Database) throws -> [Int64: [DependencyStatus]] {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT deps.job_id, deps.on_name, deps.on_id, deps.kind, other.state FROM \(source)
                CROSS JOIN deps ON deps.job_id = jobs.id LEFT JOIN jobs AS other ON other.id = deps.on_id
                WHERE \(condition) ORDER BY deps.job_id, deps.ord
                """, arguments: [state.rawValue])
        var found: [Int64: [DependencyStatus]] = [:]
        for row in rows {
            let status = try LifecycleWriter.dependency(row)
            if !status.isSatisfied { found[row["job_id"], default: []].append(status) }
        }
        return found
    }

    private static func inputs(_ state: JobState, in database: Database) throws -> [Int64: [InputPin]] {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT inputs.* FROM \(source) CROSS JOIN inputs ON inputs.job_id = jobs.id
                WHERE \(condition) ORDER BY inputs.job_id, inputs.role, inputs.path
                """, arguments: [state.rawValue])
        var found: [Int64: [InputPin]] = [:]
        for row in rows { found[row["job_id"], default: []].append(try InputRows.pin(row)) }
        return found
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
        return try Row.fetchAll(
            database, sql: "SELECT \(columns) FROM jobs \(scope) id < ? ORDER BY id DESC LIMIT ?",
            arguments: [page.before ?? .max, page.limit]
        ).map(summary)
    }

    static func summary(_ row: Row) throws -> JobSummary {
        JobSummary(
            id: row["id"], name: row["name"], method: row["method"], queue: row["queue"], uid: row["uid"],
            priority: row["priority"], state: try row.decoded("state"), stateSince: row.moment("state_since_ms"),
            want: try row.decoded("want"), cpus: row["cpus"], attempt: row["fence"], failures: row["failures"],
            bestStep: row["best_step"], reason: try reason(row), submitted: row.moment("submitted_ms"),
            finished: row.optionalMoment("finished_ms"))
    }

    static func reason(_ row: Row) throws -> WaitReason? {
        try (row["reason"] as String?).map { try JSONCoding.decode(WaitReason.self, from: Array($0.utf8)) }
    }

    static func details(_ id: Int64, in database: Database) throws -> JobDetails? {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM jobs WHERE id = ?", arguments: [id]) else {
            return nil
        }
        let writer = LifecycleWriter(database: database, actor: "", now: Timestamp(milliseconds: 0))
        return JobDetails(
            summary: try summary(row), interruptions: row["interruptions"], memory: row["mem_bytes"],
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
