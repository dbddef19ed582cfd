package import JobModel

/// The environment of a worker, made from nothing: what the daemon was started with never reaches a job.
package enum WorkerEnvironment {
    /// The variables for a worker in `run`, sorted by name.
    ///
    /// OpenBLAS reads its two variables when it is loaded, so they must be there before exec. Its own detection takes
    /// Haswell kernels on processors with AVX-512 that it does not know, at half the speed.
    ///
    /// - Parameter processorFlags: the flags of `/proc/cpuinfo`.
    package static func variables(run: RunDirectory, processorFlags: Set<String>) -> [(name: String, value: String)] {
        var variables = [
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": run.path,
            "TMPDIR": run.temporary,
            "OPENBLAS_NUM_THREADS": "1",
            "SWIFT_BACKTRACE": "enable=no",
        ]
        if let kernels = blasKernels(processorFlags) { variables["OPENBLAS_CORETYPE"] = kernels }
        return variables.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    }

    /// The kernels OpenBLAS should take on a processor with these flags; nil leaves the choice to it.
    package static func blasKernels(_ flags: Set<String>) -> String? {
        guard flags.isSuperset(of: ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"]) else { return nil }
        return flags.contains("avx512_bf16") ? "Cooperlake" : "SkylakeX"
    }

    /// The flags of the first processor of this machine; empty where there are none.
    package static func processorFlags() -> Set<String> {
        let line = Machine.text("/proc/cpuinfo", limit: 1 << 16)?.split(separator: "\n").first { $0.hasPrefix("flags") }
        return Set(line?.split(separator: ":").last?.split(separator: " ").map(String.init) ?? [])
    }
}
