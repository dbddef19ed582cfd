import Glibc

/// An exclusive `flock` on a file, held until the value goes away or the process dies.
///
/// The kernel is the authority: nobody else holds the lock while this value lives. The file itself is never removed,
/// because a lock on a removed file excludes nobody.
package struct FileLock: ~Copyable {
    private let file: OpenFile

    /// The lock, or nil when somebody else holds it. Creates the file with mode 0600 if it is missing, since a
    /// read-only descriptor is enough to take the lock.
    package static func acquire(_ path: String) throws -> FileLock? {
        let file = try OpenFile(path, O_RDWR | O_CREAT, mode: 0o600)
        while flock(file.descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return nil }
            if errno != EINTR { throw FileError.last("flock", path) }
        }
        return FileLock(file: file)
    }

    private init(file: consuming OpenFile) { self.file = file }

    package var path: String { file.path }

    /// What the lock file holds, at most 4096 bytes.
    package func contents() throws -> String {
        try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            let count = pread(file.descriptor, buffer.baseAddress, buffer.count, 0)
            guard count >= 0 else { throw FileError.last("read", path) }
            return String(decoding: buffer[..<count], as: UTF8.self)
        }
    }

    /// Replaces the content in place (a rename would change the locked file) and forces it to the disk.
    package func replaceContents(_ text: String) throws {
        guard ftruncate(file.descriptor, 0) == 0, lseek(file.descriptor, 0, SEEK_SET) == 0 else {
            throw FileError.last("truncate", path)
        }
        var text = text
        try text.withUTF8 { try file.write(UnsafeRawBufferPointer($0)) }
        try file.sync()
    }
}
