import CLinux
import DurableFiles
import Glibc

/// What this machine lends to jobs, as the kernel describes it. Read at start and at every reload.
package struct Machine: Sendable, Hashable {
    /// One processor number per physical core that we may use, neighbours in the same cache next to each other.
    package var cores: [Int]
    /// Bytes that jobs may reserve together.
    package var memory: Int64

    /// A machine with these cores and this much memory to reserve.
    package init(cores: [Int], memory: Int64) {
        self.cores = cores
        self.memory = memory
    }

    /// The machine we run on, less what is kept for the system: one core from four up, a tenth and 512 MiB of memory.
    ///
    /// - Parameters:
    ///   - cpus: processors to use at most; counts hardware threads if there are not so many cores. nil: all cores.
    ///   - memory: bytes to use at most. nil: what there is.
    ///   - reserveCores: cores kept for the system. nil: one from four up.
    package static func detect(cpus: Int? = nil, memory: Int64? = nil, reserveCores: Int? = nil) -> Machine {
        let allowed = allowedProcessors()
        let physical = onePerCore(allowed)
        let reserve = reserveCores ?? (physical.count >= 4 ? 1 : 0)
        var cores = Array(physical.dropLast(min(reserve, max(physical.count - 1, 0))))
        if let cpus {
            let threads = cpus > cores.count ? allowed : cores
            cores = Array(threads.prefix(cpus))
        }
        let total = min(memory ?? .max, totalMemory(), controlGroupLimit() ?? .max)
        return Machine(cores: cores, memory: max(total / 10 * 9 - 512 << 20, 64 << 20))
    }

    private static func allowedProcessors() -> [Int] {
        var found = [Int32](repeating: 0, count: Int(HONE_MAX_CPUS))
        let count = hone_get_affinity(0, &found, Int32(found.count))
        return count > 0 ? found[..<Int(count)].map(Int.init) : [0]
    }

    /// The first allowed hardware thread of each core, ordered by shared cache.
    private static func onePerCore(_ processors: [Int]) -> [Int] {
        var seen: Set<String> = []
        let cores = processors.filter { seen.insert(siblings(of: $0)).inserted }
        return cores.sorted { (lastLevelCache(of: $0), $0) < (lastLevelCache(of: $1), $1) }
    }

    private static func siblings(of processor: Int) -> String {
        text("/sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list") ?? "\(processor)"
    }

    private static func lastLevelCache(of processor: Int) -> Int {
        Int(text("/sys/devices/system/cpu/cpu\(processor)/cache/index3/id") ?? "") ?? 0
    }

    private static func totalMemory() -> Int64 {
        let line = text("/proc/meminfo", limit: 1 << 16)?.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
        let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap { Int64($0) }
        return (kilobytes ?? 1 << 20) * 1024
    }

    /// The least memory that our control group and those around it may use: a limit on any of them is one on us.
    static func controlGroupLimit(
        mount: String = "/sys/fs/cgroup", membership: String? = text("/proc/self/cgroup")
    ) -> Int64? {
        guard let own = membership?.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else { return nil }
        var group = String(own.dropFirst(3))
        var limits: [Int64?] = []
        while true {
            limits.append(text("\(mount)\(group)/memory.max").flatMap { Int64($0) })
            if group == "/" { return limits.compactMap { $0 }.min() }
            group = parentDirectory(group)
        }
    }

    /// A small file of the kernel without its last newline; nil where it is missing.
    package static func text(_ path: String, limit: Int = 4096) -> String? {
        guard let file = try? OpenFile(path, O_RDONLY) else { return nil }
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = bytes.withUnsafeMutableBytes { (try? file.read(into: $0)) ?? 0 }
        let content = String(decoding: bytes[..<count], as: UTF8.self)
        return content.hasSuffix("\n") ? String(content.dropLast()) : content
    }
}
