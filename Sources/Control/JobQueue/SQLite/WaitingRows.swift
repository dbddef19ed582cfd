import Foundation
import GRDB
import JobModel

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
        try all(.queued, more: "", in: database) { row, reasons in try waiting(row, &reasons) }
    }

    /// One of them; nil for a job whose turn may not come.
    static func queued(_ job: Int64, in database: Database) throws -> WaitingJob? {
        var reasons = ReasonTexts()
        let statement = try database.cachedStatement(
            sql: "SELECT \(columns) FROM jobs WHERE id = ? AND state = 'queued'")
        return try Row.fetchOne(statement, arguments: [job]).map { try waiting($0, &reasons) }
    }

    /// Jobs that wait for dependencies or inputs. Three queries however many there are.
    static func blocked(in database: Database) throws -> [WaitingJob] {
        let dependencies = try dependencies(.blocked, in: database)
        let inputs = try inputs(.blocked, in: database)
        return try all(.blocked, more: ", spec", in: database) { row, reasons in
            var job = try waiting(row, &reasons)
            job.spec = [UInt8](row["spec"] as Data)
            job.dependencies = dependencies[job.id, default: []]
            job.inputs = inputs[job.id, default: []]
            return job
        }
    }

    private static func all(
        _ state: JobState, more: String, in database: Database,
        _ value: (Row, inout ReasonTexts) throws -> WaitingJob
    ) throws -> [WaitingJob] {
        var jobs: [WaitingJob] = []
        var reasons = ReasonTexts()
        let rows = try Row.fetchCursor(
            database,
            sql: "SELECT \(columns)\(more) FROM \(source) WHERE \(condition) ORDER BY priority DESC, jobs.id",
            arguments: [state.rawValue])
        while let row = try rows.next() { jobs.append(try value(row, &reasons)) }
        return jobs
    }

    private static func waiting(_ row: Row, _ reasons: inout ReasonTexts) throws -> WaitingJob {
        let notBefore: Int64 = row[9]
        let reason: String? = row[12]
        return WaitingJob(
            id: row[0], name: row[1], queue: row[2], uid: row[3], priority: row[4], cpus: row[5], memory: row[6],
            disk: row[7], submitted: Timestamp(milliseconds: row[8]),
            notBefore: notBefore == 0 ? nil : Timestamp(milliseconds: notBefore),
            timeLimit: Milliseconds(seconds: row[10]), ran: Milliseconds(row[11]), spec: [], dependencies: [],
            inputs: [], reason: try reason.map { try reasons.reason($0) })
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

/// Reads recorded reasons, each text once: thousands of jobs wait for the same thing.
struct ReasonTexts {
    private var known: [String: WaitReason] = [:]

    mutating func reason(_ text: String) throws -> WaitReason {
        if let reason = known[text] { return reason }
        let reason = try JSONCoding.decode(WaitReason.self, from: Array(text.utf8))
        known[text] = reason
        return reason
    }
}
