import DurableFiles
import JobModel

/// A published checkpoint whose content was verified.
package struct Checkpoint: Sendable, Hashable {
    /// Its directory.
    package let path: String
    package let manifest: CheckpointManifest
    package let manifestSha256: String

    package var step: Int { manifest.step }
    package var name: String { lastComponent(path) }

    /// Directory name of a step.
    package static func name(ofStep step: Int) -> String {
        let digits = String(step)
        return "step-" + String(repeating: "0", count: max(0, 9 - digits.count)) + digits
    }

    /// The step of a directory name, nil for any other name.
    package static func step(ofName name: String) -> Int? {
        guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), Checkpoint.name(ofStep: step) == name else {
            return nil
        }
        return step
    }

    /// Reads and verifies a checkpoint: first what is cheap (manifest, job, sizes), then the digest of every byte.
    ///
    /// Throws `CheckpointError` for what is wrong with it, and what `interruption` throws, which is called often.
    package init(verifying path: String, for run: RunIdentity, interruption: () throws -> Void) throws {
        func refuse(_ problem: String) -> CheckpointError { CheckpointError(path: path, problem: problem) }
        let bytes: [UInt8]
        do {
            bytes = try readFile(path + "/" + CheckpointManifest.fileName, limit: 1 << 20)
            manifest = try JSONCoding.decode(CheckpointManifest.self, from: bytes)
        } catch {
            throw refuse("unreadable manifest (\(error))")
        }
        guard manifest.format == CheckpointManifest.currentFormat else {
            throw refuse("format \(manifest.format), expected \(CheckpointManifest.currentFormat)")
        }
        guard manifest.job == run.job, manifest.specSha256 == run.specSha256 else {
            throw refuse("it belongs to job \(manifest.job) with specification \(manifest.specSha256.prefix(12))")
        }
        guard Checkpoint.step(ofName: lastComponent(path)) == manifest.step else {
            throw refuse("the manifest says step \(manifest.step)")
        }
        for file in manifest.files {
            guard Self.isFileName(file.name) else { throw refuse("the manifest names \(file.name)") }
            guard (try? fileSize(path + "/" + file.name)) == file.bytes else {
                throw refuse("\(file.name) is missing or not \(file.bytes) bytes long")
            }
        }
        for file in manifest.files {
            let digest: String
            do {
                digest = try SHA256.hex(ofFile: path + "/" + file.name, checkpoint: interruption).hex
            } catch let error as FileError {
                throw refuse("\(error)")
            }
            guard digest == file.sha256 else { throw refuse("\(file.name) has another digest than the manifest says") }
        }
        self.path = path
        manifestSha256 = SHA256.hex(of: bytes)
    }

    /// Whether the kernel takes all of it for the name of one file.
    private static func isFileName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && !name.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
    }
}

/// Why a checkpoint is not used.
package struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    package let path: String
    package let problem: String
    package var description: String { "checkpoint \(path): \(problem)" }
}
