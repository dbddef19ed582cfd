import CLinux
import DurableFiles

/// The identity of a file at one moment. Two equal identities mean: nothing was written in between.
package struct FileIdentity: Sendable, Hashable {
    /// Device number.
    package let device: Int64
    /// Inode number.
    package let inode: Int64
    /// Bytes.
    package let size: Int64
    /// Time of the last change of the content, nanoseconds since 1970.
    package let modifiedNanoseconds: Int64
    /// Time of the last change of content or status, nanoseconds since 1970.
    package let changedNanoseconds: Int64
    /// User number of the owner.
    package let owner: UInt32
    /// Number of names.
    package let links: Int
    /// Type and permissions as in `st_mode`.
    package let mode: UInt32

    init(_ status: hone_file_status) {
        device = Int64(bitPattern: status.device)
        inode = Int64(bitPattern: status.inode)
        size = status.size
        modifiedNanoseconds = status.modified_ns
        changedNanoseconds = status.changed_ns
        owner = status.owner
        links = Int(clamping: status.links)
        mode = status.mode
    }

    /// A regular file: not a link, device, pipe or directory.
    package var isRegular: Bool { hone_is_regular(mode) }
    /// A directory.
    package var isDirectory: Bool { hone_is_directory(mode) }
    /// Whether this at that name is to become a job.
    func isJob(named name: DropName) -> Bool { name.isJob && !isDirectory }
    /// What a person would call it.
    package var kind: String {
        if isRegular { return "a file" }
        if isDirectory { return "a directory" }
        return hone_is_link(mode) ? "a symbolic link" : "a device, pipe or socket"
    }

    /// The same file, whatever happened to its content.
    package func isSameFile(as other: FileIdentity) -> Bool { device == other.device && inode == other.inode }
}

/// A file from the drop directory as it was read: these bytes are the job, whatever happens to the file.
package struct DroppedFile: Sendable {
    /// Its name in the drop directory.
    package let name: DropName
    /// What it was when the bytes were read.
    package let identity: FileIdentity
    /// Lower-case hexadecimal SHA-256 of `bytes`.
    package let sha256: String
    /// The content; empty for a file that was not read.
    package let bytes: [UInt8]

    init(name: DropName, identity: FileIdentity, sha256: String, bytes: [UInt8]) {
        self.name = name
        self.identity = identity
        self.sha256 = sha256
        self.bytes = bytes
    }

    /// The same file with its content.
    init(_ unread: DroppedFile, bytes: [UInt8]) {
        self.init(name: unread.name, identity: unread.identity, sha256: SHA256.hex(of: bytes), bytes: bytes)
    }
}

/// What looking at one name in the drop directory found.
package enum Examination: Sendable {
    /// No such name any more, or nothing of ours.
    case gone
    /// It changed while it was looked at, or something about it may still change. `reason` becomes the error if it
    /// stays so; the bytes are empty.
    case unsettled(DroppedFile, reason: String)
    /// It can never become a job; the bytes are empty.
    case unacceptable(DroppedFile, reason: String)
    /// Read completely.
    case read(DroppedFile)
}
