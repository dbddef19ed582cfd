import CLinux
import DurableFiles
import Glibc

/// `accepted/` or `rejected/`: where a drop goes once it has been dealt with. Both lie inside the drop directory, so
/// that every move is one rename within one mount.
package final class Shelf: Sendable {
    /// Path, for messages.
    package let path: String
    let descriptor: Int32

    init(in directory: Int32, _ name: String, of parent: String) throws {
        path = "\(parent)/\(name)"
        if mkdirat(directory, name, 0o770) != 0 && errno != EEXIST { throw FileError.last("mkdir", path) }
        descriptor = try DropDirectory.openDirectory(directory, name, at: path)
        var status = hone_file_status()
        guard hone_fstat(descriptor, &status) == 0, status.owner == geteuid() else {
            close(descriptor)
            throw FileError(
                path: path, operation: "check", code: 0,
                detail: "belongs to another user; remove it and let the daemon make its own")
        }
    }

    deinit { close(descriptor) }

    /// Moves the file that `identity` describes from `directory` to this shelf as `name`, or with `alternative` in
    /// front when that name is taken. It is not on the disk before `DropDirectory.force`.
    ///
    /// Returns the name it got; nil when that file is not there any more. Something else that took its name in the
    /// meantime is left alone, or put back if it was quicker than the check. While the file is there, whatever keeps it
    /// from being moved is an error: also a shelf that was removed, which the next scan makes again.
    func take(
        _ source: DropName, _ identity: FileIdentity, from directory: DropDirectory, as name: String,
        alternative: String
    ) throws -> String? {
        guard try directory.holds(source, identity) else { return nil }
        var target = name
        while rename(source, in: directory, to: target) != 0 {
            switch hone_errno() {
            case ENOENT:
                guard try directory.holds(source, identity) else { return nil }
                throw FileError(path: path, operation: "rename into", code: ENOENT)
            case EEXIST where target == name: target = "\(alternative)-\(name)"
            case EEXIST: target = "\(target)-\(identity.inode)"
            default: throw FileError.last("rename", "\(directory.path)/\(source.display)")
            }
        }
        if let moved = try DropDirectory.identity(in: descriptor, DropName(target)), !moved.isSameFile(as: identity) {
            _ = source.withCString { hone_rename_noreplace(descriptor, target, directory.descriptor, $0) }
            return nil
        }
        return target
    }

    /// Writes a small file beside the drops, for readers complete or not at all. It is not on the disk before `force`.
    func write(_ text: String, as name: String) throws {
        let temporary = ".\(name).tmp"
        let file = hone_openat(descriptor, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw FileError.last("open", "\(path)/\(temporary)") }
        defer { close(file) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw FileError.last("write", "\(path)/\(temporary)") }
            rest = rest.dropFirst(written)
        }
        guard renameat(descriptor, temporary, descriptor, name) == 0 else {
            throw FileError.last("rename", "\(path)/\(temporary)")
        }
    }

    /// Forces the content of a file that was written here to the disk; one that is gone, or that somebody has put something
    /// else in the place of, needs nothing.
    func force(_ name: String) throws {
        guard try DropDirectory.identity(in: descriptor, DropName(name))?.isRegular == true else { return }
        let file = hone_openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0)
        guard file >= 0 else {
            if [ENOENT, ELOOP, EACCES, ENXIO].contains(hone_errno()) { return }
            throw FileError.last("open", "\(path)/\(name)")
        }
        defer { close(file) }
        guard fsync(file) == 0 else { throw FileError.last("fsync", "\(path)/\(name)") }
    }

    /// Forces the names here to the disk.
    func force() throws {
        guard fsync(descriptor) == 0 else { throw FileError.last("fsync", path) }
    }

    /// Whether a file of this name lies here.
    func holds(_ name: String) throws -> Bool { try DropDirectory.identity(in: descriptor, DropName(name)) != nil }

    private func rename(_ source: DropName, in directory: DropDirectory, to target: String) -> Int32 {
        source.withCString { hone_rename_noreplace(directory.descriptor, $0, descriptor, target) }
    }
}

extension DropDirectory {
    /// Forces all moves to the shelves to the disk.
    func force() throws {
        try accepted.force()
        try rejected.force()
        guard fsync(descriptor) == 0 else { throw FileError.last("fsync", path) }
    }

    /// Whether the file that `identity` describes still lies at `name`.
    fileprivate func holds(_ name: DropName, _ identity: FileIdentity) throws -> Bool {
        try self.identity(of: name)?.isSameFile(as: identity) == true
    }
}
