import CLinux
import DurableFiles
import Glibc
import JobModel

/// What a worker arranges for itself before it opens any input.
enum ProcessSetting {
    /// Signals: a stop is a flag; what a dying daemon or terminal sends is ignored. Returns a descriptor for the
    /// protocol: a stray `print` then goes to the log instead.
    static func takeOverStandardStreams() -> Int32 {
        _ = hone_ignore_worker_signals()
        _ = hone_install_stop_flag()
        _ = hone_install_stack_writer(2)
        let events = hone_fcntl(1, F_DUPFD_CLOEXEC, 3)
        dup2(2, 1)
        return events
    }

    /// Control group, place in the queue of the out-of-memory killer, processors, limits. None of it is worth failing
    /// for: without it the job runs all the same.
    static func apply(_ start: StartCommand) -> (cpus: [Int], cgroup: String?) {
        let cgroup = getenv("HONE_CGROUP").map { String(cString: $0) }
        if let cgroup { put("0", in: cgroup + "/cgroup.procs") }
        put("500", in: "/proc/self/oom_score_adj")
        _ = hone_limit_core_size(0)
        _ = hone_limit_open_files(4096)
        bind(to: start.cpus)
        return (processors(), cgroup)
    }

    /// Threads that are there already (one waits for commands) are bound like this one; later ones take it over.
    private static func bind(to cpus: [Int]) {
        guard !cpus.isEmpty else { return }
        let wanted = cpus.map { Int32($0) }
        let threads = ((try? directoryNames("/proc/self/task")) ?? ["0"]).compactMap { Int32($0) }
        for thread in threads
        where hone_set_affinity(thread, wanted, Int32(wanted.count)) != 0 && hone_errno() != ESRCH {
            complain("cannot run on processors \(cpus) alone: \(String(cString: strerror(hone_errno())))")
        }
    }

    static func processors() -> [Int] {
        var cpus = [Int32](repeating: 0, count: Int(HONE_MAX_CPUS))
        let count = hone_get_affinity(0, &cpus, Int32(cpus.count))
        return cpus.prefix(max(0, Int(count))).map { Int($0) }
    }

    static func hello() -> HelloEvent {
        HelloEvent(
            pid: getpid(), startTicks: startTicks(),
            bootId: text("/proc/sys/kernel/random/boot_id").map { String($0.prefix { $0 != "\n" }) } ?? "",
            build: programBuild)
    }

    /// Processor time and largest resident size, as the kernel accounts them in /proc.
    static func usage() -> WorkerUsage {
        let fields = statFields()
        let ticks = [11, 12].reduce(Int64(0)) { $0 + (fields.count > $1 ? Int64(fields[$1]) ?? 0 : 0) }
        let perSecond = Int64(sysconf(Int32(_SC_CLK_TCK)))
        let peak = text("/proc/self/status", limit: 1 << 13)?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kilobytes = peak?.split { $0 == " " || $0 == "\t" }.dropFirst().first.flatMap { Int64($0) } ?? 0
        return WorkerUsage(cpuMs: ticks * 1000 / max(1, perSecond), maxRss: kilobytes << 10)
    }

    private static func startTicks() -> UInt64 {
        let fields = statFields()
        return fields.count > 19 ? UInt64(fields[19]) ?? 0 : 0
    }

    /// /proc/self/stat from its third field on: the second is the name, which may hold spaces.
    private static func statFields() -> [Substring] {
        guard let text = text("/proc/self/stat"), let end = text.lastIndex(of: ")") else { return [] }
        return text[text.index(after: end)...].split(separator: " ")
    }

    private static func text(_ path: String, limit: Int = 4096) -> String? {
        guard let file = try? OpenFile(path, O_RDONLY) else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: limit, alignment: 1) { buffer in
            guard let count = try? file.read(into: buffer) else { return nil }
            return String(decoding: buffer[..<count], as: UTF8.self)
        }
    }

    private static func put(_ text: String, in path: String) {
        guard let file = try? OpenFile(path, O_WRONLY) else { return }
        try? Array(text.utf8).withUnsafeBytes { try file.write($0) }
    }
}
