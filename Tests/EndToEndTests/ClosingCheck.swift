import DurableFiles
import Foundation
import JobModel
import Testing

extension Workshop {
    /// What must hold after any fault: every dropped job is there once and succeeded once, nothing is left half done, and
    /// the bytes are those of a run without faults.
    ///
    /// - Parameters:
    ///   - passingOver: artifacts that are not compared.
    ///   - wasRestored: from a copy, whose open attempts end at the time of that, later than others began.
    func check(
        _ jobs: [String], equal expected: [String: [String: String]], _ seed: UInt64? = nil,
        passingOver: Set<String> = [], wasRestored: Bool = false
    ) throws {
        let note = Comment(rawValue: "seed \(seed.map(String.init) ?? "none"), root \(root)")
        #expect(names(in: "jobs").filter { $0.hasSuffix(".yaml") } == [], note)
        #expect(names(in: "jobs/accepted").count == jobs.count, "lost or doubled; \(note)")
        #expect(names(in: "runs").count == jobs.count, "lost or doubled; \(note)")
        for job in jobs {
            #expect(try result(job).outcome == .success, note)
            let found = try fingerprint(job).filter { !passingOver.contains($0.key) }
            let wanted = expected[job]?.filter { !passingOver.contains($0.key) }
            #expect(found == wanted, "\(job) differs from the undisturbed run; \(note)")
            #expect(names(in: run(job)).filter { $0.hasSuffix(".tmp") && $0 != "tmp" } == [], note)
            try checkSteps(of: job, note)
        }
        let finished = try query("SELECT count(*) FROM jobs WHERE state='succeeded'")
        let completions = try query("SELECT count(*) FROM attempts WHERE outcome='success'")
        #expect(finished == "\(jobs.count)" && completions == finished, "completed twice; \(note)")
        #expect(try query("SELECT count(*) FROM attempts WHERE state<>'ended'") == "0", note)
        #expect(try wasRestored || attemptsAtOnce() == 0, "an attempt began before the one before it had ended; \(note)")
        #expect(try illegalTransitions() == 0, note)
    }

    /// Attempts of a job that began before the one before had ended. The worker of each holds the job's lock.
    private func attemptsAtOnce() throws -> Int {
        let found = try query(
            """
            SELECT count(*) FROM attempts AS late JOIN attempts AS early
            ON early.job_id = late.job_id AND early.n = late.n - 1 AND early.ended_ms > late.created_ms
            """)
        return Int(found) ?? -1
    }

    /// Recorded moves of jobs that the state machine does not have, or that do not begin where the last one ended.
    private func illegalTransitions() throws -> Int {
        let broken = try query(
            """
            SELECT count(*) FROM (
              SELECT from_state, to_state, lag(to_state) OVER (PARTITION BY job_id ORDER BY seq) AS before FROM events
              WHERE to_state IS NOT NULL)
            WHERE (before IS NOT NULL AND from_state IS NOT before)
               OR (from_state IS NOT NULL AND NOT EXISTS(
                    SELECT 1 FROM transitions WHERE f = from_state AND t = to_state))
            """)
        return Int(broken) ?? -1
    }

    /// No optimizer step may stand in the metrics twice.
    private func checkSteps(of job: String, _ note: Comment) throws {
        let lines = try text("\(run(job))/metrics.jsonl").split(separator: "\n")
        #expect(Set(lines).count == lines.count, "a line of metrics stands twice; \(note)")
    }

    /// One value from the queue, read by the command line tool of SQLite if it is there, else by the library.
    func query(_ sql: String) throws -> String { try QueueQuery.value(sql, in: "\(root)/db/queue.db") }
}
