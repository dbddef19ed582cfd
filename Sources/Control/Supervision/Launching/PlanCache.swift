import DurableFiles
import Glibc
package import JobModel
import Synchronization

/// Remembers plans. A folder of jobs that differ in name, seed or learning rate needs one measurement, not a process
/// for each.
package final class PlanCache: ResourcePlanner {
    private let planner: any ResourcePlanner
    private let plans = Mutex<[String: ResourcePlan]>([:])
    /// Plans kept; when there are more, all are forgotten.
    private static let limit = 1000

    /// A memory in front of `planner`.
    package init(_ planner: any ResourcePlanner) { self.planner = planner }

    package func plan(_ spec: JobSpec, inputs: [InputRole: String]) async throws(PlanFailure) -> ResourcePlan {
        let key = Self.key(spec, inputs)
        if let key, let known = plans.withLock({ $0[key] }) { return known }
        let plan = try await planner.plan(spec, inputs: inputs)
        if let key {
            plans.withLock {
                if $0.count >= Self.limit { $0 = [:] }
                $0[key] = plan
            }
        }
        return plan
    }

    /// Everything that may change a plan: the specification without what only names, orders or seeds it, and the
    /// identity of its inputs. nil where an input cannot be looked at.
    private static func key(_ spec: JobSpec, _ inputs: [InputRole: String]) -> String? {
        var neutral = spec
        neutral.name = "x"
        neutral.after = []
        neutral.priority = 0
        neutral.queue = "default"
        neutral.hold = false
        neutral.notBefore = nil
        neutral.idempotencyKey = nil
        neutral.labels = [:]
        neutral.comment = nil
        neutral.retry = RetryPolicy()
        neutral.train.seed = 0
        var text = String(decoding: neutral.locatingInputs(inputs).canonicalJSON(), as: UTF8.self)
        for path in inputs.values.sorted() {
            guard let identity = identity(path) else { return nil }
            text += "\n\(path) \(identity)"
        }
        return SHA256.hex(of: text)
    }

    /// Of a file, or of what lies directly in a directory.
    private static func identity(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        let own =
            "\(status.st_dev) \(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        guard status.st_mode & S_IFMT == S_IFDIR else { return own }
        guard let names = try? directoryNames(path) else { return nil }
        var text = own
        for name in names {
            var entry = stat()
            guard stat("\(path)/\(name)", &entry) == 0 else { return nil }
            text += "\n\(name) \(entry.st_ino) \(entry.st_size) \(entry.st_mtim.tv_sec).\(entry.st_mtim.tv_nsec)"
        }
        return text
    }
}
