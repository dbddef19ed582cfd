import Glibc
import Synchronization

/// Named places where a test can make the process die or an operation fail, one at each boundary of durability.
///
/// `HONE_FAILPOINT=name:kill` kills the process with SIGKILL when it gets there, `name:3:kill` the third time;
/// `name:eio` and `name:enospc` make the operation there fail that way (`name:3:eio` the third time only). Several are
/// separated by commas. `HONE_FAILPOINT_TRACE=FILE` appends the name of each place reached to FILE, which is how
/// tests enumerate them. Without these variables a place costs one test of a constant.
package enum FailPoint {
    /// A boundary where the process may be killed.
    package static func reach(_ name: String) {
        if plan.isActive { _ = plan.reach(name) }
    }

    /// A boundary where an operation may also fail; `path` is what the error names.
    package static func io(_ name: String, _ path: String = "") throws {
        guard plan.isActive, let code = plan.reach(name) else { return }
        throw FileError(path: path, operation: "fail-point \(name)", code: code)
    }

    private static let plan = Plan(
        text: getenv("HONE_FAILPOINT").map { String(cString: $0) } ?? "",
        trace: getenv("HONE_FAILPOINT_TRACE").map { String(cString: $0) })

    enum Action: Equatable { case kill, fail(Int32) }

    struct Rule: Equatable {
        let name: String
        /// nil: every time.
        let occurrence: Int?
        let action: Action

        init?(_ text: Substring) {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard (2...3).contains(parts.count), !parts[0].isEmpty else { return nil }
            switch parts[parts.count - 1] {
            case "kill": action = .kill
            case "eio": action = .fail(EIO)
            case "enospc": action = .fail(ENOSPC)
            default: return nil
            }
            name = String(parts[0])
            occurrence = parts.count == 3 ? Int(parts[1]) : nil
            if parts.count == 3 && (occurrence ?? 0) < 1 { return nil }
        }
    }

    private struct Plan {
        let rules: [Rule]
        let trace: String?
        let counts = Counts()

        var isActive: Bool { !rules.isEmpty || trace != nil }

        init(text: String, trace: String?) {
            self.trace = trace
            rules = text.split(separator: ",").map { part in
                guard let rule = Rule(part) else {
                    note("HONE_FAILPOINT: \"\(part)\": expected name:kill, name:eio, name:enospc or name:N:kill\n")
                    exit(78)
                }
                return rule
            }
        }

        /// Counts the visit, kills if asked, and returns the `errno` to fail with.
        func reach(_ name: String) -> Int32? {
            if let trace { appendLine(name, to: trace) }
            let visit = counts.next(name)
            for rule in rules where rule.name == name && (rule.occurrence ?? visit) == visit {
                switch rule.action {
                case .fail(let code): return code
                case .kill:
                    kill(getpid(), SIGKILL)
                    while true { pause() }
                }
            }
            return nil
        }
    }

    private final class Counts: Sendable {
        private let visits = Mutex<[String: Int]>([:])

        func next(_ name: String) -> Int {
            visits.withLock {
                $0[name, default: 0] += 1
                return $0[name, default: 0]
            }
        }
    }

    private static func appendLine(_ name: String, to path: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return note("HONE_FAILPOINT_TRACE: cannot append to \(path)\n") }
        Array((name + "\n").utf8).withUnsafeBytes { _ = write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }

    private static func note(_ text: String) {
        Array(text.utf8).withUnsafeBytes { _ = write(2, $0.baseAddress, $0.count) }
    }
}
