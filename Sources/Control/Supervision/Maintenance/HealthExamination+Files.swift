import DurableFiles
import Glibc
import JobModel
import JobQueue

/// The directories, the database, and whether both tell the same story.
extension HealthExamination {
    func directories() -> [HealthFinding] {
        var findings: [HealthFinding] = []
        let user = owner(of: root.database)
        for (what, path, limit) in [
            ("drop directory", root.spool, mode_t(0o007)), ("runs", root.runs, 0o007), ("database directory", root.database, 0o077),
        ] {
            findings.append(directory(what, path, owner: user, forbidden: limit))
        }
        for shelf in ["accepted", "rejected"] where fileKind("\(root.spool)/\(shelf)") != .missing {
            let path = "\(root.spool)/\(shelf)"
            guard fileKind(path) == .directory, owner(of: path) == user else {
                findings.append(
                    .fail("drop directory", "\(path) is not a directory of the daemon's", "remove it; the daemon makes its own"))
                continue
            }
        }
        return findings
    }

    private func directory(_ what: String, _ path: String, owner user: uid_t?, forbidden: mode_t) -> HealthFinding {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            return errno == ENOENT
                ? .warn(what, "there is no \(path)", "the daemon makes it when it starts")
                : .warn(what, "\(path): \(String(cString: strerror(errno)))", "run hone doctor as root")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return .fail(what, "\(path) is not a directory", "move it away; the daemon makes its own")
        }
        if let user, status.st_uid != user {
            return .fail(what, "\(path) belongs to user \(status.st_uid), expected \(user)", "chown \(user) \(path)")
        }
        if status.st_mode & forbidden != 0 {
            let found = String(status.st_mode & 0o7777, radix: 8)
            return .fail(what, "\(path) has mode \(found), open to others", "chmod \(forbidden == 0o077 ? "go=" : "o=") \(path)")
        }
        if Root.isOnNetwork(path) {
            return .fail(what, "\(path) is on a network file system", "move it to a local one: locks cannot be relied on there")
        }
        return .ok(what, path)
    }

    private func owner(of path: String) -> uid_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_uid : nil
    }

    /// The queue itself, and whether the directories of its jobs are those there are.
    func queue() -> [HealthFinding] {
        guard fileKind(root.databaseFile) != .missing else {
            guard access(root.database, R_OK) == 0 || fileKind(root.database) == .missing else {
                return [.warn("queue", "\(root.database) may not be read", "run hone doctor as root")]
            }
            let left = root.tracesOfJobs ?? (root.backups.isEmpty ? nil : "db/backup")
            guard let left else { return [.ok("queue", "none yet; the daemon makes it when it starts")] }
            let lost = "\(root.databaseFile) is missing, though \(left) shows that there was one"
            return [.fail("queue", lost, "hone recover")]
        }
        do {
            let facts = try QueueCopy.check(root.databaseFile)
            let newest = facts.newestEvent.map { ", last written \($0)" } ?? ""
            return [.ok("queue", "whole; \(facts.jobs) jobs\(newest)")] + runs(of: facts)
        } catch StoreError.databaseRefused(_, let reason, _) {
            return [.fail("queue", "\(root.databaseFile): \(reason)", "systemctl stop honed; hone recover")]
        } catch {
            return [.warn("queue", "\(error)", "run hone doctor as root or as the owner of \(root.database)")]
        }
    }

    /// Jobs without directories and directories without jobs.
    private func runs(of facts: QueueCopy.Facts) -> [HealthFinding] {
        let names: [String]
        do {
            names = try directoryNames(root.runs)
        } catch {
            return [.warn("runs", "\(error)", "run hone doctor as root or as the owner of \(root.runs)")]
        }
        let there = Set(names)
        let strange = names.filter { RunName($0) != nil && !facts.runs.contains($0) }
        let missing = facts.runs.subtracting(there).sorted()
        var findings: [HealthFinding] = []
        if !strange.isEmpty {
            findings.append(
                .fail(
                    "runs", "\(Self.list(strange)) in \(root.runs) belong to no job of the queue",
                    "systemctl stop honed; hone recover"))
        }
        if !missing.isEmpty {
            findings.append(
                .warn("runs", "the directories of \(Self.list(missing)) are gone", "nothing, if somebody removed them"))
        }
        if findings.isEmpty { findings.append(.ok("runs", "\(facts.runs.count) jobs, each with its directory")) }
        return findings
    }

    private static func list(_ names: [String]) -> String {
        let first = names.prefix(3).joined(separator: ", ")
        return names.count > 3 ? "\(first) and \(names.count - 3) more" : first
    }

    func backups() -> HealthFinding {
        guard let newest = root.backups.last else {
            guard fileKind(root.databaseFile) == .file else { return .ok("backups", "none yet") }
            return .warn("backups", "there is none", "hone backup; the daemon makes one every day")
        }
        do {
            try QueueCopy.check(newest)
        } catch {
            return .fail("backups", "the newest is not whole: \(error)", "hone backup")
        }
        var status = stat()
        guard stat(newest, &status) == 0 else { return .warn("backups", "\(newest) cannot be read", "run as root") }
        let age = (SystemTime().wall.milliseconds / 1000 - Int64(status.st_mtim.tv_sec)) / 3600
        guard age < 50 else {
            return .warn("backups", "the newest is \(age / 24) days old", "hone backup; does the daemon run?")
        }
        return .ok("backups", "\(root.backups.count), the newest \(age) hours old and whole")
    }

    func leftovers() -> HealthFinding {
        let names = (try? directoryNames(root.database)) ?? []
        let left = names.filter {
            $0.hasPrefix("corrupt-") || $0.hasPrefix(QueueRebuild.asidePrefix) || $0.contains(".rebuild")
        }
        guard !left.isEmpty else { return .ok("leftovers", "none") }
        return .warn(
            "leftovers", "\(Self.list(left)) in \(root.database)", "remove what nobody wants to look at any more")
    }
}
