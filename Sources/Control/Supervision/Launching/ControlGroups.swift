import CLinux
import DurableFiles
import Glibc
import JobModel

/// Control groups of version 2 that the service manager has handed to us: one for each attempt, with its processors and
/// its memory. Where there are none, affinity and the worker's own reports do.
///
/// The daemon moves itself into `supervisor/`, because a group that hands controllers down holds no processes. It never
/// writes limits into the group it was given: the service manager may write there again at any time.
package struct ControlGroups: Sendable, Hashable {
    /// What there is.
    package enum Survey: Sendable, Hashable {
        /// This group and those below it are ours.
        case delegated(String)
        /// None; the text says why.
        case unavailable(String)
    }

    /// The group that was handed to us, as a directory.
    let path: String
    /// Controllers that the groups of attempts have.
    let controllers: Set<String>

    static let wanted = ["cpuset", "cpu", "memory", "pids"]

    /// Looks, and changes nothing.
    ///
    /// - Parameters:
    ///   - mount: where version 2 is mounted.
    ///   - membership: `/proc/self/cgroup`.
    package static func survey(
        mount: String = "/sys/fs/cgroup", membership: String? = Machine.text("/proc/self/cgroup")
    ) -> Survey {
        guard let own = membership?.split(separator: "\n").first(where: { $0.hasPrefix("0::") })?.dropFirst(3) else {
            return .unavailable("this system has no control groups of version 2")
        }
        // A daemon that was started again finds itself where the last one had gone.
        let group = own.hasSuffix("/supervisor") ? own.dropLast("/supervisor".count) : own
        let path = group == "/" ? mount : mount + group
        guard let available = Machine.text("\(path)/cgroup.controllers") else {
            return .unavailable("control groups of version 2 are not mounted at \(mount)")
        }
        guard access("\(path)/cgroup.subtree_control", W_OK) == 0, access(path, W_OK) == 0, path != mount else {
            return .unavailable("\(path) was not handed to this service (Delegate=)")
        }
        let missing = ["cpuset", "memory"].filter { !available.split(separator: " ").map(String.init).contains($0) }
        guard missing.isEmpty else { return .unavailable("\(path) lacks \(missing.joined(separator: ", "))") }
        return .delegated(path)
    }

    /// Takes over the group that `survey` found: moves this process into `supervisor/` and hands the controllers down.
    ///
    /// - Parameter process: the daemon.
    package init(delegated path: String, process: Int32 = getpid()) throws {
        self.path = path
        let supervisor = "\(path)/supervisor"
        try makeDirectory(supervisor, mode: 0o755)
        try Self.put("\(process)", "\(supervisor)/cgroup.procs")
        let available = Set((Machine.text("\(path)/cgroup.controllers") ?? "").split(separator: " ").map(String.init))
        controllers = Set(Self.wanted).intersection(available)
        let order = Self.wanted.filter(controllers.contains).map { "+\($0)" }.joined(separator: " ")
        try Self.put(order, "\(path)/cgroup.subtree_control")
    }

    /// The groups of this machine, made ready; nil where there are none, with the reason.
    package static func takeOver() -> (groups: ControlGroups?, note: String) {
        switch survey() {
        case .unavailable(let why): return (nil, why)
        case .delegated(let path):
            do {
                return (try ControlGroups(delegated: path), "jobs run in groups below \(path)")
            } catch {
                return (nil, "the group that was handed to us cannot be used: \(error)")
            }
        }
    }

    /// What an attempt may use.
    package struct Limits: Sendable, Hashable {
        /// Processors.
        package var cpus: [Int]
        /// Bytes reserved.
        package var memory: Int64

        /// The limits of an attempt.
        package init(cpus: [Int], memory: Int64) {
            self.cpus = cpus
            self.memory = memory
        }

        /// Bytes above which the attempt is ended: the estimate may be a tenth off, and a library takes what it takes.
        var hardMemory: Int64 { memory + memory / 10 + 256 << 20 }

        /// The files of a group and what is written into each, in order.
        func settings(_ controllers: Set<String>) -> [(file: String, value: String)] {
            var settings: [(String, String)] = []
            if controllers.contains("cpuset"), !cpus.isEmpty {
                settings.append(("cpuset.cpus", cpus.map(String.init).joined(separator: ",")))
            }
            if controllers.contains("memory"), memory > 0 {
                settings += [
                    ("memory.high", "\(memory)"), ("memory.max", "\(hardMemory)"), ("memory.oom.group", "1"),
                    ("memory.swap.max", "0"),
                ]
            }
            if controllers.contains("pids") { settings.append(("pids.max", "512")) }
            return settings
        }
    }

    /// Makes the group of an attempt. A setting that this kernel refuses is left out and named.
    func makeGroup(job: Int64, attempt: Int64, _ limits: Limits) throws -> (group: AttemptGroup, refused: [String]) {
        let group = AttemptGroup(path: "\(path)/job-\(job).\(attempt)")
        try makeDirectory(group.path, mode: 0o755)
        var refused: [String] = []
        for (file, value) in limits.settings(controllers) {
            do {
                try Self.put(value, "\(group.path)/\(file)")
            } catch {
                refused.append("\(error)")
            }
        }
        return (group, refused)
    }

    /// Removes the groups of attempts that an earlier daemon left behind and that hold nobody any more.
    package func sweep() {
        for name in (try? directoryNames(path)) ?? [] where name.hasPrefix("job-") { rmdir("\(path)/\(name)") }
    }

    static func put(_ text: String, _ path: String) throws {
        let file = try OpenFile(path, O_WRONLY)
        try Array(text.utf8).withUnsafeBytes { try file.write($0) }
    }
}

/// The group of one attempt.
struct AttemptGroup: Sendable, Hashable {
    let path: String

    /// Moves a process into it.
    func add(_ pid: Int32) throws { try ControlGroups.put("\(pid)", "\(path)/cgroup.procs") }

    /// What the kernel has counted for it.
    var usage: GroupUsage {
        GroupUsage(
            memoryPeak: number("memory.peak"), outOfMemoryKills: Int(count("memory.events", "oom_kill") ?? 0),
            highEvents: Int(count("memory.events", "high") ?? 0), pressureMicroseconds: pressure())
    }

    /// Ends whatever is left in it and removes it. The kernel needs a moment to let go of the dead.
    func remove() async {
        try? ControlGroups.put("1", "\(path)/cgroup.kill")
        for _ in 0..<50 {
            if rmdir(path) == 0 || errno == ENOENT { return }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    private func number(_ file: String) -> Int64? { Machine.text("\(path)/\(file)").flatMap { Int64($0) } }

    private func count(_ file: String, _ key: String) -> Int64? {
        let line = Machine.text("\(path)/\(file)")?.split(separator: "\n").first { $0.hasPrefix("\(key) ") }
        return line.flatMap { Int64($0.dropFirst(key.count + 1)) }
    }

    /// `some avg10=0.00 avg60=0.00 avg300=0.00 total=1234`
    private func pressure() -> Int64? {
        let line = Machine.text("\(path)/memory.pressure")?.split(separator: "\n").first { $0.hasPrefix("some ") }
        return line?.split(separator: "=").last.flatMap { Int64($0) }
    }
}

/// What a control group has counted.
package struct GroupUsage: Sendable, Hashable {
    /// Most bytes at a time; nil on kernels before 5.19.
    package var memoryPeak: Int64?
    /// Processes of the group that the kernel killed for want of memory.
    package var outOfMemoryKills = 0
    /// How often the group was slowed down because it used more than it reserved.
    package var highEvents = 0
    /// Microseconds in which some thread of it waited for memory.
    package var pressureMicroseconds: Int64?
}

extension GroupUsage {
    /// What is worth knowing of an attempt that did not succeed; empty if memory was no trouble.
    var complaint: String {
        guard outOfMemoryKills > 0 || highEvents > 0 else { return "" }
        let peak = memoryPeak.map { "at most \(ByteSize($0)) used" } ?? "its use is not known"
        let waited = (pressureMicroseconds ?? 0) / 1000
        return "; memory: \(peak), above its reservation \(highEvents) times, waited \(waited) ms, "
            + "\(outOfMemoryKills) processes killed"
    }
}
