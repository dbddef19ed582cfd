import GRDB
package import JobModel

/// What outlives the daemon and is no job.
extension SQLiteJobStore {
    package func isDraining() async throws -> Bool {
        try await read { try String.fetchOne($0, sql: "SELECT v FROM meta WHERE k = 'drain'") == "1" }
    }

    package func setDraining(_ draining: Bool, actor: String, now: Timestamp) async throws {
        try await write(actor, now: now) { writer in
            try writer.set("drain", to: draining ? "1" : "0")
            try writer.record(draining ? "drain" : "undrain", job: nil)
        }
    }

    package func settings(_ prefix: String) async throws -> [String: String] {
        try await read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT k, v FROM meta WHERE substr(k, 1, ?) = ?",
                arguments: [prefix.unicodeScalars.count, prefix])
            return Dictionary(uniqueKeysWithValues: rows.map { ($0["k"], $0["v"]) })
        }
    }

    package func changeSetting(
        _ name: String, actor: String, now: Timestamp, _ change: @escaping @Sendable (String?) throws -> String?
    ) async throws -> (value: String?, sequence: Int64) {
        try await write(actor, now: now) { writer in
            let before = try String.fetchOne(writer.database, sql: "SELECT v FROM meta WHERE k = ?", arguments: [name])
            let value = try change(before)
            try writer.set(name, to: value)
            try writer.record("setting", job: nil, data: ["name": name, "value": value ?? ""])
            return (value, writer.database.lastInsertedRowID)
        }
    }

    package func requestCleaning(
        of job: Int64, what: [String], dryRun: Bool, actor: String, now: Timestamp
    ) async throws {
        try await write(actor, now: now) { writer in
            let state = try writer.lifecycle(of: job).state
            guard state.isFinished else {
                throw StoreError.refused("job \(job) is \(state.rawValue) and keeps its files")
            }
            let waiting = try Int64.fetchOne(
                writer.database,
                sql: """
                    SELECT deps.job_id FROM deps JOIN jobs ON jobs.id = deps.job_id
                    WHERE deps.on_id = ? AND jobs.state NOT IN ('succeeded', 'failed', 'cancelled', 'quarantined')
                    """, arguments: [job])
            if let waiting { throw StoreError.refused("job \(waiting) needs what job \(job) made") }
            if dryRun { return }
            try writer.record("cleaned", job: job, data: ["removed": what.joined(separator: " ")])
        }
    }
}

extension LifecycleWriter {
    fileprivate func set(_ name: String, to value: String?) throws {
        guard let value else {
            return try database.execute(sql: "DELETE FROM meta WHERE k = ?", arguments: [name])
        }
        try database.execute(
            sql: "INSERT INTO meta(k, v) VALUES (?, ?) ON CONFLICT(k) DO UPDATE SET v = excluded.v",
            arguments: [name, value])
    }
}
