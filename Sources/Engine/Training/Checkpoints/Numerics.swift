package import Compute

/// Everything that decides the last bits of a run beside its specification. Recorded in every checkpoint.
package struct Numerics: Sendable, Hashable, Codable {
    /// Version of the program. For people: another build alone does not forbid a resume.
    package var build: String
    /// Name, version and options of the library that multiplies matrices.
    package var multiplyLibrary: String
    /// Which of its kernels run here.
    package var multiplyKernel: String
    /// Instruction-set level of the row kernels.
    package var rowKernels: String
    package var threads: Int
    /// Type of weights and arithmetic, and of products where it differs.
    package var type: String
    /// How sums over threads are ordered.
    package var reductions: String

    /// What this process computes with.
    package init(build: String, team: ThreadTeam) {
        self.build = build
        multiplyLibrary = ThreadTeam.multiplyLibraryName
        multiplyKernel = ThreadTeam.multiplyKernelName
        rowKernels = ThreadTeam.rowKernelLevel
        threads = team.threads
        type = team.arithmetic
        reductions = "fixed split"
    }

    /// What differs, in words; the build is not compared.
    package func differences(from other: Numerics) -> [String] {
        func compare<Value: Equatable>(_ name: String, _ path: KeyPath<Numerics, Value>) -> String? {
            self[keyPath: path] == other[keyPath: path]
                ? nil : "\(name): \(other[keyPath: path]) then, \(self[keyPath: path]) now"
        }
        return [
            compare("library", \.multiplyLibrary), compare("matrix kernels", \.multiplyKernel),
            compare("row kernels", \.rowKernels), compare("threads", \.threads), compare("type", \.type),
            compare("reductions", \.reductions),
        ].compactMap { $0 }
    }
}
