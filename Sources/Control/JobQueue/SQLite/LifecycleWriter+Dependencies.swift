import GRDB
import JobModel

/// What jobs wait for, and what follows when it happens.
extension LifecycleWriter {
    /// Inserts the dependencies of a new job and binds those whose job is there.
    func addDependencies(of spec: JobSpec, to job: Int64, uid: Int64) throws {
        var bound: Set<Int64> = []
        for (order, dependency) in spec.dependencies.enumerated() {
            let name: String?
            let target: Int64?
            switch dependency.target {
            case .number(let number):
                guard try Bool.fetchOne(database, sql: "SELECT 1 FROM jobs WHERE id = ?", arguments: [number]) == true
                else {
                    throw StoreError.refused("after: there is no job \(number)")
                }
                (name, target) = (nil, number)
            case .name(let wanted):
                name = wanted
                target = try Int64.fetchOne(
                    database,
                    sql: "SELECT id FROM jobs WHERE uid = ? AND name = ? AND id <> ? ORDER BY id DESC LIMIT 1",
                    arguments: [uid, wanted, job])
            }
            // A name and a number may mean the same job; waiting once is enough.
            if let target, !bound.insert(target).inserted { continue }
            try refusingCircles(to: target ?? job) {
                try database.executeCached(
                    sql: "INSERT INTO deps(job_id, ord, on_name, on_id, kind) VALUES (?, ?, ?, ?, ?)",
                    arguments: [job, order, name, target, dependency.condition.rawValue])
            }
        }
    }

    // The order of a cross join is kept: SQLite would begin with all jobs that the user ever had.
    static let waitingForAName = """
        SELECT deps.job_id FROM deps CROSS JOIN jobs ON jobs.id = deps.job_id
        WHERE deps.on_name = ? AND deps.on_id IS NULL AND jobs.uid = ? AND jobs.id <> ?
        """

    /// Binds the dependencies of earlier jobs of this user that wait for a job of this name.
    func bindWaiting(for name: String, to job: Int64, uid: Int64) throws {
        let waiting = try Int64.fetchAll(
            database.cachedStatement(sql: Self.waitingForAName), arguments: [name, uid, job])
        for other in waiting {
            try refusingCircles(to: job) {
                try database.executeCached(
                    sql: "UPDATE deps SET on_id = ? WHERE job_id = ? AND on_name = ? AND on_id IS NULL",
                    arguments: [job, other, name])
            }
            try record("dependency_bound", job: other, data: ["name": name, "job": "\(job)"])
        }
    }

    /// The dependencies of a job, in the order they were written.
    func dependencies(of job: Int64) throws -> [DependencyStatus] {
        try database.rowsCached(
            sql: """
                SELECT deps.on_name, deps.on_id, deps.kind, jobs.state FROM deps
                LEFT JOIN jobs ON jobs.id = deps.on_id WHERE deps.job_id = ? ORDER BY deps.ord
                """, arguments: [job]
        ).map(Self.dependency)
    }

    static func dependency(_ row: Row) throws -> DependencyStatus {
        DependencyStatus(
            name: row["on_name"], job: row["on_id"], condition: try row.decoded("kind"),
            state: try row.decodedOptional("state"))
    }

    /// Lets a job follow from its dependencies and inputs: it fails, becomes ready, or goes on waiting.
    ///
    /// - Parameter specification: where it is known already; nil reads it.
    func settle(_ job: Int64, specification: JobSpec? = nil) throws {
        let state = try lifecycle(of: job).state
        guard state == .blocked || state == .held else { return }
        let dependencies = try dependencies(of: job)
        for dependency in dependencies {
            guard case .broken(let cancel) = dependency.verdict else { continue }
            try apply(.dependencyBroken(cancel: cancel), to: job, reason: dependency.reason)
            return
        }
        guard state == .blocked else { return }
        if let missing = try whatIsMissing(job, dependencies, specification) {
            try explain(job, missing)
        } else {
            try apply(.ready, to: job)
        }
    }

    /// Whether everything a job waits for is there.
    func isReady(_ job: Int64) throws -> Bool { try whatIsMissing(job, dependencies(of: job), nil) == nil }

    /// Records why a job waits.
    func explain(_ job: Int64, _ reason: WaitReason) throws {
        let json = String(decoding: try JSONCoding.encode(reason), as: UTF8.self)
        try database.executeCached(
            sql: """
                UPDATE jobs SET reason = ?1
                WHERE id = ?2 AND reason IS NOT ?1 AND state NOT IN ('succeeded', 'failed', 'cancelled')
                """, arguments: [json, job])
    }

    func settleDependants(of job: Int64) throws {
        let waiting = try Int64.fetchAll(
            database.cachedStatement(sql: "SELECT job_id FROM deps WHERE on_id = ? ORDER BY job_id"),
            arguments: [job])
        for other in waiting { try settle(other) }
    }

    private func whatIsMissing(
        _ job: Int64, _ dependencies: [DependencyStatus], _ specification: JobSpec?
    ) throws -> WaitReason? {
        if let waiting = dependencies.first(where: { !$0.isSatisfied }) { return waiting.reason }
        let pins = try InputRows.of(job, in: database)
        let known = Set(pins.map(\.role))
        let spec = try specification ?? SpecificationRow.of(job, in: database)
        let hashed = pins.count { $0.sha256 != nil }
        guard spec.inputs.allSatisfy({ known.contains($0.role) }), hashed == pins.count else {
            return .inputs(hashed: pins.isEmpty ? 0 : Double(hashed) / Double(pins.count))
        }
        return nil
    }

    /// Says which jobs would wait for each other if a binding to `target` closed a circle.
    private func refusingCircles(to target: Int64, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as DatabaseError where error.message == "dependency cycle" {
            let names = try String.fetchAll(
                database,
                sql: """
                    WITH RECURSIVE up(id) AS (
                      SELECT ?
                      UNION SELECT deps.on_id FROM deps JOIN up ON deps.job_id = up.id WHERE deps.on_id IS NOT NULL)
                    SELECT jobs.id || ' (' || jobs.name || ')' FROM jobs JOIN up ON jobs.id = up.id ORDER BY jobs.id
                    """, arguments: [target])
            throw StoreError.refused(
                "after: the jobs would wait for each other in a circle: \(names.joined(separator: ", "))")
        }
    }
}
