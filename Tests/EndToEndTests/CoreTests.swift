import Foundation
import Testing

/// Which processors workers run on, as the kernel tells it.
@Suite("Cores")
struct CoreTests {
    @Test(.enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1, "needs two processors"))
    func everyWorkerHasItsOwnAndNoOthers() async throws {
        let shop = try Workshop()
        try shop.write("cpus: 2\nreserve_cores: 0\n", to: "hone.yaml")
        for name in ["a", "b"] {
            let job = SmallJob.pretrain(name, steps: 100_000) + "\nresources: {cpus: 1, memory: 64MiB, disk: 1MiB}\n"
            try shop.drop(job, as: "\(name).yaml")
        }
        let daemon = try shop.daemon([:], [])
        var cores: [Set<String>] = []
        let isSettled = { cores.count == 2 && cores.joined().allSatisfy { Int($0) != nil } }
        for _ in 0..<600 where !isSettled() {
            try await Task.sleep(for: .milliseconds(50))
            cores = shop.workers().map(Self.processors(of:))
        }
        let given = try shop.query("SELECT group_concat(cpu_list) FROM attempts")
        #expect(cores.allSatisfy { $0.count == 1 }, "threads of one worker on several processors: \(cores)")
        #expect(Set(cores.joined()) == Set(given.split(separator: ",").map(String.init)))
        #expect(Set(cores.joined()).count == 2, "two workers on one processor: \(cores)")
        daemon.kill(SIGTERM)
        try await daemon.wait()
    }

    /// The lists of processors that the threads of a process may run on.
    private static func processors(of process: Int32) -> Set<String> {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
        return Set(
            threads.compactMap { thread in
                let status = try? String(contentsOfFile: "/proc/\(process)/task/\(thread)/status", encoding: .utf8)
                let line = status?.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
                return line?.split(separator: "\t").last.map(String.init)
            })
    }
}
