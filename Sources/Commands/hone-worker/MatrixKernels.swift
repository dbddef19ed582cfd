import Glibc

/// Which kernels OpenBLAS takes. It reads the environment when it is loaded, which is before `main`.
enum MatrixKernels {
    private static let variable = "OPENBLAS_CORETYPE"

    /// Starts this program again with the variable set, where it is not: Debian's OpenBLAS takes kernels at half the
    /// speed on processors with AVX-512 that it does not know. The daemon sets it itself; this is for people.
    static func chooseBeforeLoading() {
        guard getenv(variable) == nil, let kernels = kernels(processorFlags()) else { return }
        setenv(variable, kernels, 1)
        var arguments = CommandLine.arguments.map { strdup($0) }
        arguments.append(nil)
        execv("/proc/self/exe", &arguments)
        // It could not start again: slower kernels are still right.
        complain("hone-worker: cannot set \(variable): \(String(cString: strerror(errno)))")
    }

    private static func kernels(_ flags: Set<Substring>) -> String? {
        guard flags.isSuperset(of: ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"]) else { return nil }
        return flags.contains("avx512_bf16") ? "Cooperlake" : "SkylakeX"
    }

    private static func processorFlags() -> Set<Substring> {
        guard let file = fopen("/proc/cpuinfo", "re") else { return [] }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 1 << 14)
        while fgets(&buffer, Int32(buffer.count), file) != nil {
            let line = buffer.withUnsafeBufferPointer { String(cString: $0.baseAddress.unsafelyUnwrapped) }
            if line.hasPrefix("flags") { return Set(line.split { $0 == " " || $0 == "\t" || $0 == "\n" }) }
        }
        return []
    }
}
