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
        /// Nobody can set it back, as can be done with the time above.
        let changedNanoseconds: Int64
    }

    /// A hasher that has not hashed anything.
    package init() {}

    /// The digest of the file that `pin` identifies, if this daemon has hashed it and it is still the same; nil otherwise.
    package func known(_ pin: InputPin) -> String? {
        guard let identity = try? Self.check(pin) else { return nil }
        return known.withLock { $0[FileKey(identity)] }
    }

    /// The lower-case hexadecimal SHA-256 of the file that `pin` identifies.
    ///
    /// Throws when the file is another one by now, or cannot be read.
    package func digest(_ pin: InputPin) async throws -> String {
        if let digest = known(pin) { return digest }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in
                continuation.resume(
                    with: Result {
                        let key = FileKey(try Self.check(pin))
                        let digest = try SHA256.hex(ofFile: pin.path).hex
                        guard FileKey(try Self.check(pin)) == key else { throw Self.changed(pin) }
                        known.withLock { $0[key] = digest }
                        return digest
                    })
            }
        }
    }

    /// The file as it is, if it is the one that `pin` identifies.
    private static func check(_ pin: InputPin) throws -> FileIdentity {
        guard let now = try DropDirectory.identity(in: AT_FDCWD, DropName(pin.path)) else {
            throw FileError(path: pin.path, operation: "hash", code: ENOENT)
        }
        let same =
            now.device == pin.device && now.inode == pin.inode && now.size == pin.size
            && now.modifiedNanoseconds == pin.modifiedNanoseconds
        guard same else { throw changed(pin) }
        return now
    }

    private static func changed(_ pin: InputPin) -> FileError {
        FileError(
            path: pin.path, operation: "hash", code: 0, detail: "changed since the job was submitted; submit it again")
    }
}

extension InputHasher.FileKey {
    fileprivate init(_ identity: FileIdentity) {
        device = identity.device
        inode = identity.inode
        size = identity.size
        modifiedNanoseconds = identity.modifiedNanoseconds
        changedNanoseconds = identity.changedNanoseconds
    }
}
