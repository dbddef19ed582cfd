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

    // By position: looking names up takes longer than everything else when many jobs wait.
    private static let columns = """
        jobs.id, name, queue, uid, priority, cpus, mem_bytes, disk_bytes, submitted_ms, not_before_ms, time_limit_s,
        \(AttemptRows.runningTime), reason
        """

    /// Jobs whose turn may come, in order of priority and number: what the scheduler decides with, and no more.
    static func queued(in database: Database) throws -> [WaitingJob] {
        try all(.queued, more: "", in: database) { row in try waiting(row) }
    }

    /// Jobs that wait for dependencies or inputs. Three queries however many there are.
    static func blocked(in database: Database) throws -> [WaitingJob] {
        let dependencies = try dependencies(.blocked, in: database)
        let inputs = try inputs(.blocked, in: database)
        return try all(.blocked, more: ", spec", in: database) { row in
            var job = try waiting(row)
            job.spec = [UInt8](row["spec"] as Data)
            job.dependencies = dependencies[job.id, default: []]
            job.inputs = inputs[job.id, default: []]
            return job
        }
    }

    private static func all(
        _ state: JobState, more: String, in database: Database, _ value: (Row) throws -> WaitingJob
    ) throws -> [WaitingJob] {
        var jobs: [WaitingJob] = []
        let rows = try Row.fetchCursor(
            database,
            sql: "SELECT \(columns)\(more) FROM \(source) WHERE \(condition) ORDER BY priority DESC, jobs.id",
            arguments: [state.rawValue])
        while let row = try rows.next() { jobs.append(try value(row)) }
        return jobs
    }

    private static func waiting(_ row: Row) throws -> WaitingJob {
        let notBefore: Int64 = row[9]
        let reason: String? = row[12]
        return WaitingJob(
            id: row[0], name: row[1], queue: row[2], uid: row[3], priority: row[4], cpus: row[5], memory: row[6],
            disk: row[7], submitted: Timestamp(milliseconds: row[8]),
            notBefore: notBefore == 0 ? nil : Timestamp(milliseconds: notBefore),
            timeLimit: Milliseconds(seconds: row[10]), ran: Milliseconds(row[11]), spec: [], dependencies: [],
            inputs: [], reason: try reason.map { try JSONCoding.decode(WaitReason.self, from: Array($0.utf8)) })
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
        try Row.fetchAll(
            database,
            sql: """
                SELECT \(columns) FROM jobs WHERE id > ? AND state IN ('succeeded', 'failed', 'cancelled')
                  AND finished_ms < ? ORDER BY id LIMIT ?
                """, arguments: [job, moment.milliseconds, limit]
        ).map(summary)
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
