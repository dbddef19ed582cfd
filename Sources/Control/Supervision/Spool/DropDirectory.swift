import CLinux
import DurableFiles
import Glibc

/// The drop directory and its two shelves, held open: every step works on these directories, not on what their paths
/// may name later.
package final class DropDirectory: Sendable {
    /// Largest file that is read, bytes.
    package static let sizeLimit = 256 * 1024
    /// Most jobs, and most other names, looked at in one scan.
    static let scanLimit = 10_000

    /// Path of the drop directory, for messages.
    package let path: String
    let descriptor: Int32
    let accepted: Shelf
    let rejected: Shelf

    /// Opens the directory; makes `accepted/` and `rejected/` if missing and refuses them if they are not our own.
    package init(_ path: String) throws {
        self.path = path
        descriptor = try Self.openDirectory(AT_FDCWD, path, at: path)
        do {
            accepted = try Shelf(in: descriptor, "accepted", of: path)
            rejected = try Shelf(in: descriptor, "rejected", of: path)
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// Whether the paths of the directory and of its shelves still name what is open here.
    package var isCurrent: Bool {
        isOpen(descriptor, at: path, in: AT_FDCWD) && isOpen(accepted.descriptor, at: "accepted", in: descriptor)
            && isOpen(rejected.descriptor, at: "rejected", in: descriptor)
    }

    private func isOpen(_ opened: Int32, at name: String, in directory: Int32) -> Bool {
        guard let here = identity(of: opened), let there = try? Self.identity(in: directory, DropName(name)) else {
            return false
        }
        return here.isSameFile(as: there)
    }

    /// Names with what they are now, oldest first by (modification time, name): at most so many jobs, and as many others.
    func scan(limit: Int = scanLimit) throws -> [(name: DropName, identity: FileIdentity)] {
        let listing = try Self.openDirectory(descriptor, ".", at: path)
        guard let stream = fdopendir(listing) else {
            close(listing)
            throw FileError.last("opendir", path)
        }
        defer { closedir(stream) }
        var found: [(name: DropName, identity: FileIdentity)] = []
        var jobs = 0
        while jobs < limit, let entry = readdir(stream) {
            let name = DropName(
                bytes: withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) })
            // What cannot be looked at now keeps nobody else waiting; the next scan looks again.
            guard !name.isHidden, name.isJob || found.count - jobs < limit, let identity = try? identity(of: name) else {
                continue
            }
            found.append((name, identity))
            if identity.isJob(named: name) { jobs += 1 }
        }
        return found.sorted {
            ($0.identity.modifiedNanoseconds, $0.name) < ($1.identity.modifiedNanoseconds, $1.name)
        }
    }

    /// What lies at `name` now, without following a link; nil if nothing does. Whatever else keeps it from being looked
    /// at is an error.
    package func identity(of name: DropName) throws -> FileIdentity? { try Self.identity(in: descriptor, name) }

    /// Reads the file at `name` if it is one, is ours to read, and holds still.
    package func examine(_ name: DropName) -> Examination {
        guard let seen = try? identity(of: name), !seen.isDirectory else { return .gone }
        let unread = DroppedFile(name: name, identity: seen, sha256: SHA256.hex(of: []), bytes: [])
        guard seen.isRegular else { return .unacceptable(unread, reason: "expected a file, found \(seen.kind)") }
        guard seen.size <= Self.sizeLimit else {
            return .unacceptable(unread, reason: "\(seen.size) bytes, expected at most \(Self.sizeLimit)")
        }
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY
        let file = name.withCString { hone_openat(descriptor, $0, flags, 0) }
        guard file >= 0 else {
            switch hone_errno() {
            case ENOENT: return .gone
            case EACCES, EPERM: return .unsettled(unread, reason: "not readable; chmod g+r \(name.display)")
            case let code: return .unsettled(unread, reason: "open: \(String(cString: strerror(code)))")
            }
        }
        defer { close(file) }
        do {
            return .read(DroppedFile(unread, bytes: try content(of: file, expecting: seen)))
        } catch {
            return .unsettled(unread, reason: error.reason)
        }
    }

    private struct Unsettled: Error { let reason: String }

    private func content(of file: Int32, expecting seen: FileIdentity) throws(Unsettled) -> [UInt8] {
        let changing = Unsettled(reason: "the file kept changing while it was read")
        guard identity(of: file) == seen else { throw changing }
        guard seen.links == 1 else {
            throw Unsettled(reason: "the file has \(seen.links) names, expected 1; drop a copy instead of a link")
        }
        var bytes = [UInt8](repeating: 0, count: Self.sizeLimit + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw Unsettled(reason: "read: \(String(cString: strerror(errno)))") }
            if got == 0 { break }
            count += got
        }
        guard identity(of: file) == seen, count == seen.size else { throw changing }
        bytes.removeSubrange(count...)
        return bytes
    }

    private func identity(of file: Int32) -> FileIdentity? {
        var status = hone_file_status()
        return hone_fstat(file, &status) == 0 ? FileIdentity(status) : nil
    }

    static func identity(in directory: Int32, _ name: DropName) throws -> FileIdentity? {
        var status = hone_file_status()
        if name.withCString({ hone_lstatat(directory, $0, &status) }) == 0 { return FileIdentity(status) }
        let code = hone_errno()
        guard code == ENOENT else { throw FileError(path: name.display, operation: "lstat", code: code) }
        return nil
    }

    static func openDirectory(_ directory: Int32, _ name: String, at path: String) throws -> Int32 {
        let opened = hone_openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
        guard opened >= 0 else { throw FileError.last("open", path) }
        return opened
    }
}
