package import DurableFiles

/// MANIFEST.json of a checkpoint: written last, it says that the checkpoint is complete and what it must contain.
package struct CheckpointManifest: Sendable, Hashable, Codable {
    package static let fileName = "MANIFEST.json"
    package static let currentFormat = 1

    package struct File: Sendable, Hashable, Codable {
        package var name: String
        package var bytes: Int
        package var sha256: String
    }

    package var format = Self.currentFormat
    package var job: Int64
    package var specSha256: String
    /// The attempt that wrote it.
    package var fence: Int64
    /// Optimizer steps done.
    package var step: Int
    /// Every other file of the directory.
    package var files: [File]
    /// Length of metrics.jsonl at this step; what follows belongs to later steps.
    package var metricsOffset: Int
    package var numerics: Numerics

    package init(
        run: RunIdentity, step: Int, files: [WrittenFile], metricsOffset: Int, numerics: Numerics
    ) {
        job = run.job
        specSha256 = run.specSha256
        fence = run.fence
        self.step = step
        self.files = files.map { File(name: $0.name, bytes: $0.bytes, sha256: $0.sha256) }
        self.metricsOffset = metricsOffset
        self.numerics = numerics
    }

    /// Size of all its files.
    package var byteCount: Int { files.reduce(0) { $0 + $1.bytes } }
}

/// Which job and attempt a file belongs to.
package struct RunIdentity: Sendable, Hashable {
    /// Job number; 0 for a run without a queue.
    package let job: Int64
    /// Number of the attempt.
    package let fence: Int64
    /// Digest of the resolved specification.
    package let specSha256: String

    package init(job: Int64, fence: Int64, specSha256: String) {
        self.job = job
        self.fence = fence
        self.specSha256 = specSha256
    }
}
