import Dispatch
import DurableFiles
import Glibc
package import JobModel
import Synchronization

/// Computes the digests of input files, one after another on a thread of its own, so that hashing a large model
/// disturbs neither the jobs nor the daemon.
package final class InputHasher: Sendable {
    private let queue = DispatchQueue(label: "hone.hash", qos: .utility)
    /// Digests of this daemon's life; jobs that share a model hash it once.
    private let known = Mutex<[FileKey: String]>([:])

    fileprivate struct FileKey: Hashable {
        let device: Int64
        let inode: Int64
        let size: Int64
        let modifiedNanoseconds: Int64
    }

    /// A hasher that has not hashed anything.
    package init() {}

    /// The digest of the file that `pin` identifies, if this daemon has hashed it and it is still the same; nil otherwise.
    package func known(_ pin: InputPin) -> String? {
        guard let digest = known.withLock({ $0[FileKey(pin)] }), (try? Self.check(pin)) != nil else { return nil }
        return digest
    }

    /// The lower-case hexadecimal SHA-256 of the file that `pin` identifies.
    ///
    /// Throws when the file is another one by now, or cannot be read.
    package func digest(_ pin: InputPin) async throws -> String {
        let key = FileKey(pin)
        if let digest = known.withLock({ $0[key] }) {
            try Self.check(pin)
            return digest
        }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in
                continuation.resume(
                    with: Result {
                        try Self.check(pin)
                        let digest = try SHA256.hex(ofFile: pin.path).hex
                        try Self.check(pin)
                        known.withLock { $0[key] = digest }
                        return digest
                    })
            }
        }
    }

    private static func check(_ pin: InputPin) throws {
        guard let now = try DropDirectory.identity(in: AT_FDCWD, DropName(pin.path)) else {
            throw FileError(path: pin.path, operation: "hash", code: ENOENT)
        }
        let same =
            now.device == pin.device && now.inode == pin.inode && now.size == pin.size
            && now.modifiedNanoseconds == pin.modifiedNanoseconds
        guard same else {
            throw FileError(
                path: pin.path, operation: "hash", code: 0,
                detail: "changed since the job was submitted; submit it again")
        }
    }
}

extension InputHasher.FileKey {
    fileprivate init(_ pin: InputPin) {
        device = pin.device
        inode = pin.inode
        size = pin.size
        modifiedNanoseconds = pin.modifiedNanoseconds
    }
}
