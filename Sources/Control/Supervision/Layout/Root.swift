import CLinux
import DurableFiles
import Glibc
package import JobModel

/// Where everything of one daemon lies.
package struct Root: Sendable, Hashable {
    /// People drop job files here.
    package let spool: String
    /// One directory per job.
    package let runs: String
    /// The database, its lock and its backups.
    package let database: String
    /// Sockets and other things that vanish with the daemon.
    package let runtime: String
    /// For a collector of metrics.
    package let metrics: String
    /// The roots of inputs that are always there; the configuration may add others.
    package let models: String
    /// As `models`, for rows.
    package let datasets: String
    /// Configuration files: the first, then those of the directory in order of name.
    package let configurationFile: String
    /// Directory with further configuration files.
    package let configurationDirectory: String
    /// Everything lies under one directory that belongs to the user who started the daemon.
    package let isPrivate: Bool

    /// Everything under one directory, for the foreground and for tests.
    package static func under(_ directory: String) -> Root {
        Root(
            spool: "\(directory)/jobs", runs: "\(directory)/runs", database: "\(directory)/db",
            runtime: "\(directory)/run", metrics: "\(directory)/metrics", models: "\(directory)/models",
            datasets: "\(directory)/datasets", configurationFile: "\(directory)/hone.yaml",
            configurationDirectory: "\(directory)/conf.d", isPrivate: true)
    }

    /// The places of the installed service.
    package static let system = Root(
        spool: "/var/spool/hone/jobs", runs: "/var/lib/hone/runs", database: "/var/lib/hone/db", runtime: "/run/hone",
        metrics: "/var/lib/hone/metrics", models: "/var/lib/hone/models", datasets: "/var/lib/hone/datasets",
        configurationFile: "/etc/hone/hone.yaml", configurationDirectory: "/etc/hone/conf.d", isPrivate: false)

    /// What a command line names: a directory, else that of $HONE_ROOT, else the system's places. Absolute, since workers
    /// run in directories of their own.
    package static func named(_ directory: String?) -> Root {
        let named = directory ?? getenv("HONE_ROOT").map { String(cString: $0) } ?? ""
        return named.isEmpty ? .system : .under(absolutePath(named))
    }

    /// The queue.
    package var databaseFile: String { "\(database)/queue.db" }
    /// Where the daemon answers people.
    package var socket: String { "\(runtime)/hone.sock" }
    /// Held while a daemon works on this root.
    package var lockFile: String { "\(database)/daemon.lock" }

    /// The directory of one job.
    package func run(_ id: Int64, _ name: String) -> RunDirectory { RunDirectory("\(runs)/\(id)-\(name)") }

    /// Makes what is missing. Existing directories keep their modes, which an installation may have chosen with care.
    package func prepare() throws {
        try makeDirectory(database, mode: 0o700)
        let open: UInt32 = isPrivate ? 0o700 : 0o750
        for path in [spool, runs, runtime, metrics, models, datasets] { try makeDirectory(path, mode: open) }
        for path in [database, runs] { try refuseNetwork(path) }
    }

    /// Locks are what keeps two workers apart, and network file systems do not keep them.
    static func isOnNetwork(_ path: String) -> Bool {
        let network: [UInt32] = [
            UInt32(HONE_MAGIC_NFS), UInt32(HONE_MAGIC_SMB), UInt32(HONE_MAGIC_CIFS), UInt32(HONE_MAGIC_SMB2),
        ]
        return network.contains(hone_filesystem_magic(path))
    }

    private func refuseNetwork(_ path: String) throws {
        guard !Self.isOnNetwork(path) else {
            throw FileError(
                path: path, operation: "check", code: 0,
                detail: "on a network file system, whose locks cannot be relied on; choose a local directory")
        }
    }
}

/// A path as seen from where the command was typed.
package func absolutePath(_ path: String) -> String {
    guard !path.hasPrefix("/"), let here = getcwd(nil, 0) else { return path }
    defer { free(here) }
    return "\(String(cString: here))/\(path)"
}
