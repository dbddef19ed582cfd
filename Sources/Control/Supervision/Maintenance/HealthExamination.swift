import DurableFiles
import Glibc
import JobModel
import JobQueue

/// One thing that was looked at.
package struct HealthFinding: Sendable, Hashable, Codable {
    /// What is to be thought of it.
    package enum Verdict: String, Sendable, Hashable, Codable {
        case ok
        /// Works, but somebody should look.
        case warn
        /// Does not work.
        case fail
    }

    /// What was looked at.
    package var check: String
    /// What is to be thought of it.
    package var verdict: Verdict
    /// What was found.
    package var found: String
    /// What to do; nil where nothing has to be done.
    package var advice: String?

    static func ok(_ check: String, _ found: String) -> HealthFinding {
        HealthFinding(check: check, verdict: .ok, found: found, advice: nil)
    }

    static func warn(_ check: String, _ found: String, _ advice: String) -> HealthFinding {
        HealthFinding(check: check, verdict: .warn, found: found, advice: advice)
    }

    static func fail(_ check: String, _ found: String, _ advice: String) -> HealthFinding {
        HealthFinding(check: check, verdict: .fail, found: found, advice: advice)
    }
}

/// Looks at everything a daemon on this root needs. Reads only.
package struct HealthExamination {
    let root: Root
    let worker: String?

    /// All findings, in a fixed order.
    ///
    /// - Parameter worker: the worker program; nil if it was not found.
    package static func all(of root: Root, worker: String?) -> [HealthFinding] {
        let examination = HealthExamination(root: root, worker: worker)
        return [
            examination.program(), examination.configuration(), examination.unit(), examination.daemon(),
        ] + examination.directories() + examination.queue() + [
            examination.backups(), examination.leftovers(), examination.disk(), examination.kernels(),
            examination.controlGroups(),
        ]
    }

    private func program() -> HealthFinding {
        guard let worker else {
            return .fail("programs", "hone-worker was not found", "install hone whole, or set HONE_WORKER to its path")
        }
        guard access(worker, X_OK) == 0 else {
            return .fail("programs", "\(worker) may not be run by this user", "chmod a+x \(worker)")
        }
        return .ok("programs", worker)
    }

    private func configuration() -> HealthFinding {
        do {
            let (configuration, origins) = try Configuration.load(root)
            let machine = configuration.machine()
            return .ok(
                "configuration",
                "\(origins.count) settings from files; \(machine.cores.count) cores and \(ByteSize(machine.memory)) for jobs")
        } catch {
            let lines = error.lines
            return .fail(
                "configuration", lines.first ?? error.description,
                lines.count > 1 ? "mend it and \(lines.count - 1) more: honed check-config" : "mend it: honed check-config")
        }
    }

    private func unit() -> HealthFinding {
        guard !root.isPrivate else { return .ok("unit", "not needed: everything lies under one directory") }
        guard fileKind("/run/systemd/system") == .directory else {
            return .warn("unit", "systemd does not run here", "start honed by other means, or use --root DIR")
        }
        let places = ["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"]
        guard let place = places.first(where: { fileKind("\($0)/honed.service") == .file }) else {
            return .fail("unit", "honed.service is not installed", "scripts/install, or install the Debian package")
        }
        let wanted = ["/etc/systemd/system/multi-user.target.wants/honed.service"]
        guard wanted.contains(where: { fileKind($0) != .missing }) else {
            return .warn("unit", "\(place)/honed.service, which is not enabled", "systemctl enable --now honed")
        }
        return .ok("unit", "\(place)/honed.service, enabled")
    }

    private func daemon() -> HealthFinding {
        do {
            if let holder = try DaemonLock.holder(root) { return .ok("daemon", "runs as process \(holder)") }
            return .warn(
                "daemon", "does not run on this root",
                root.isPrivate ? "honed --root \(parentDirectory(root.spool))" : "systemctl start honed")
        } catch {
            return .warn("daemon", "cannot be told: \(error)", "run hone doctor as root or as the owner of \(root.database)")
        }
    }

    private func disk() -> HealthFinding {
        let disk = DiskSpace.of(root.runs)
        let free = disk.available
        let text = "\(ByteSize(free)) free for \(root.runs)"
        if free < disk.floor {
            return .fail("disk", text, "make room: below \(ByteSize(disk.floor)) no job is started")
        }
        if free < 2 * disk.floor {
            return .warn("disk", text, "make room soon: below \(ByteSize(disk.floor)) no job is started")
        }
        return .ok("disk", text)
    }

    private func kernels() -> HealthFinding {
        let flags = WorkerEnvironment.processorFlags()
        if let kernels = WorkerEnvironment.blasKernels(flags) {
            return .ok("matrix kernels", "workers ask OpenBLAS for \(kernels)")
        }
        if flags.contains("avx2") { return .ok("matrix kernels", "chosen by OpenBLAS for a processor with AVX2") }
        return .warn(
            "matrix kernels", "this processor has no AVX2", "training will be slow; nothing can be set to change that")
    }

    private func controlGroups() -> HealthFinding {
        let here = ControlGroups.survey()
        switch here {
        case .delegated(let path): return .ok("control groups", "\(path) is ours: jobs get groups of their own")
        case .unavailable(let why):
            return .ok("control groups", "\(why); jobs are kept apart by processors alone")
        }
    }
}
