import Foundation
import GRDB
import JobModel
import TestFolders
import Testing

@testable import JobQueue

/// What the schema itself refuses, whatever the program does.
@Suite struct SchemaTests {
    let queue: DatabaseQueue

    init() throws {
        queue = try DatabaseQueue(configuration: QueueConnection.writing())
        try QueueMigrator.make().migrate(queue)
        try queue.write { database in
            for (name, state) in [("one", "queued"), ("two", "blocked"), ("three", "blocked"), ("four", "held")] {
                try database.execute(sql: Self.insertion, arguments: [name, state])
            }
            try database.execute(sql: "INSERT INTO deps(job_id, ord, on_id) VALUES (2, 0, 1), (3, 0, 2)")
            try database.execute(sql: "INSERT INTO deps(job_id, ord, on_name) VALUES (2, 1, 'later')")
            try database.execute(sql: "INSERT INTO events(ts_ms, type, actor) VALUES (1, 'x', 'y')")
            try database.execute(sql: "INSERT INTO inputs VALUES (4, 'model', 'm', 1, 2, 3, 4, zeroblob(32))")
            try database.execute(sql: "UPDATE jobs SET state = 'starting', fence = 1 WHERE id = 1")
            try database.execute(sql: "INSERT INTO attempts(job_id, n, state, created_ms) VALUES (1, 1, 'created', 1)")
        }
    }

    @Test func onlyABrokenRuleIsTheFaultOfWhatWasAskedFor() {
        func words(_ code: ResultCode) -> StoreError {
            StoreError(DatabaseError(resultCode: code, message: "why"), at: "/q/queue.db")
        }
        #expect(words(.SQLITE_CONSTRAINT) == .refused("why"))
        #expect(words(.SQLITE_CONSTRAINT_TRIGGER) == .refused("why"))
        for code in [ResultCode.SQLITE_ERROR, .SQLITE_FULL, .SQLITE_MISUSE] {
            #expect(words(code) == .unavailable("why"))
        }
        #expect(words(.SQLITE_CORRUPT) == .databaseRefused(path: "/q/queue.db", reason: "why", copies: nil))
    }

    private static let insertion = """
        INSERT INTO jobs(name, method, uid, idem_key, source, spec, spec_sha256, spec_version, cpus, mem_bytes, state,
          state_since_ms, submitted_ms)
        VALUES (?1, 'dpo', 1000, CASE ?1 WHEN 'one' THEN 'key' END, x'00', x'00', zeroblob(32), 1, 1, 1, ?2, 1, 1)
        """

    private static func job(_ values: String) -> String {
        """
        INSERT INTO jobs(name, method, uid, idem_key, source, spec, spec_sha256, spec_version, cpus, mem_bytes, state,
          state_since_ms, submitted_ms) VALUES (\(values), 1, 1)
        """
    }

    @Test(arguments: [
        (
            """
            UPDATE jobs SET fence = 2 WHERE id = 1;
            INSERT INTO attempts(job_id, n, state, created_ms) VALUES (1, 2, 'created', 1)
            """,
            "UNIQUE"
        ),
        ("UPDATE jobs SET fence = 0 WHERE id = 1", "fence went backwards"),
        (
            "INSERT INTO attempts(job_id, n, state, created_ms, outcome) VALUES (1, 9, 'ended', 1, 'killed')",
            "not the fence"
        ),
        ("UPDATE jobs SET state = 'succeeded' WHERE id = 1", "illegal job state transition"),
        ("UPDATE jobs SET state = 'done' WHERE id = 4", "illegal job state transition"),
        ("UPDATE jobs SET want = 'explode' WHERE id = 4", "CHECK"),
        (job("'x', 'dpo', 1, NULL, x'00', x'00', zeroblob(32), 1, 1, 1, 'running'"), "born held, blocked or queued"),
        ("UPDATE attempts SET state = 'ended' WHERE job_id = 1", "CHECK"),
        ("UPDATE attempts SET outcome = 'crash' WHERE job_id = 1", "CHECK"),
        ("UPDATE jobs SET spec = x'FF' WHERE id = 4", "what a job is does not change"),
        ("UPDATE jobs SET name = 'other' WHERE id = 4", "what a job is does not change"),
        ("UPDATE events SET actor = 'nobody'", "append-only"),
        (
            """
            INSERT INTO submissions(dev, ino, mtime_ns, size, sha256, name, uid, outcome, seen_ms)
            VALUES (1, 1, 1, 1, zeroblob(32), 'a', 1, 'accepted', 1)
            """,
            "CHECK"
        ),
        (job("'again', 'dpo', 1000, 'key', x'00', x'00', zeroblob(32), 1, 1, 1, 'queued'"), "UNIQUE"),
        (job("'../x', 'dpo', 1, NULL, x'00', x'00', zeroblob(32), 1, 1, 1, 'queued'"), "CHECK"),
        (job("'42', 'dpo', 1, NULL, x'00', x'00', zeroblob(32), 1, 1, 1, 'queued'"), "CHECK"),
        (job("'x', 'dpo', 1, NULL, x'00', x'00', zeroblob(32), 1, 0, 1, 'queued'"), "CHECK"),
        (job("'x', 'dpo', 1, NULL, x'00', x'00', zeroblob(31), 1, 1, 1, 'queued'"), "CHECK"),
        ("UPDATE jobs SET priority = 'high' WHERE id = 4", "cannot store TEXT"),
        ("UPDATE inputs SET sha256 = randomblob(32)", "pinned once"),
        ("INSERT INTO deps(job_id, ord, on_id) VALUES (4, 0, 4)", "dependency cycle"),
        ("INSERT INTO deps(job_id, ord, on_id) VALUES (1, 0, 3)", "dependency cycle"),
        ("UPDATE deps SET on_id = 3 WHERE job_id = 2 AND ord = 1", "dependency cycle"),
        ("UPDATE deps SET on_id = 4 WHERE job_id = 2 AND ord = 0", "already bound"),
        ("INSERT INTO deps(job_id, ord, on_id) VALUES (2, 7, 1)", "UNIQUE"),
        ("INSERT INTO deps(job_id, ord) VALUES (4, 5)", "CHECK"),
        ("INSERT INTO deps(job_id, ord, on_id) VALUES (4, 6, 999)", "FOREIGN KEY"),
        ("INSERT INTO checkpoints VALUES (4, 1, 1, 'step', zeroblob(32), 1, 1, 'ok')", "FOREIGN KEY"),
        ("INSERT INTO checkpoints VALUES (1, 1, 1, '../step', zeroblob(32), 1, 1, 'ok')", "CHECK"),
    ])
    func refuses(_ statement: String, _ words: String) throws {
        do {
            try queue.write { try $0.execute(sql: statement) }
            Issue.record("accepted: \(statement)")
        } catch let error as DatabaseError {
            #expect(error.message?.contains(words) == true, "\(error)")
        }
    }

    @Test func successAndOutcomesAreFinal() throws {
        try queue.write { database in
            try database.execute(sql: "UPDATE jobs SET state = 'running' WHERE id = 1")
            try database.execute(sql: "UPDATE attempts SET state = 'ended', outcome = 'success' WHERE job_id = 1")
            try database.execute(sql: "UPDATE jobs SET state = 'succeeded' WHERE id = 1")
        }
        for statement in [
            "UPDATE jobs SET state = 'queued' WHERE id = 1", "UPDATE jobs SET want = 'cancel' WHERE id = 1",
            "UPDATE attempts SET outcome = 'crash' WHERE job_id = 1",
        ] {
            #expect(throws: DatabaseError.self) { try queue.write { try $0.execute(sql: statement) } }
        }
    }

    @Test func numbersAreNotReused() throws {
        let numbers = try queue.write { database in
            try database.execute(sql: Self.insertion, arguments: ["five", "queued"])
            let first = database.lastInsertedRowID
            try database.execute(sql: "DELETE FROM jobs WHERE id = ?", arguments: [first])
            try database.execute(sql: Self.insertion, arguments: ["six", "queued"])
            return (first, database.lastInsertedRowID)
        }
        #expect(numbers.1 == numbers.0 + 1)
    }

    /// The program and the database agree on every legal move.
    @Test func theStateMachineIsTheTransitionsTable() throws {
        let table = try queue.read { database in
            try Row.fetchAll(database, sql: "SELECT f, t FROM transitions").map {
                [$0["f"] as String, $0["t"] as String]
            }
        }
        let program = JobState.allCases.flatMap { from in from.successors.map { [from.rawValue, $0.rawValue] } }
        #expect(Set(table) == Set(program))
        #expect(table.count == program.count)
    }

    @Test func theConnectionKeepsWhatItCommits() throws {
        let directory = try TestFolder()
        let disk = try DatabaseQueue(path: directory.database, configuration: QueueConnection.writing())
        let settings = try disk.read { database in
            try ["synchronous", "journal_mode", "trusted_schema", "foreign_keys"].map {
                try String.fetchOne(database, sql: "PRAGMA \($0)")
            }
        }
        #expect(settings == ["2", "wal", "0", "1"])
    }

    /// Listings of what is alive must not walk through what is finished.
    @Test func liveListingsUseTheirIndex() throws {
        let plan = try queue.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    EXPLAIN QUERY PLAN SELECT \(SummaryRows.columns) FROM jobs INDEXED BY jobs_live
                    WHERE state NOT IN ('succeeded', 'failed', 'cancelled') AND id < 5 ORDER BY id DESC LIMIT 5
                    """
            ).map { $0["detail"] as String }.joined()
        }
        #expect(plan.contains("jobs_live"), "\(plan)")
    }
}
