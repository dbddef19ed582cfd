import ArgumentParser
import DurableFiles
import Foundation
import Glibc
import JobModel

/// A file that was put into the drop directory.
struct Drop {
    /// What the daemon knows it by. The inode is looked up before the rename: a moment later the file may be gone.
    let request: DropRequest
    private let spool: String

    /// Puts the file there by rename; ends the command with 5 where that cannot be.
    ///
    /// It is not on the disk yet. A daemon that takes it in has its content on the disk when it answers.
    init(_ file: SpecificationFile, into spool: String) throws {
        let stamp = "\(UInt64(Date().timeIntervalSince1970 * 1000))-\(ProcessInfo.processInfo.processIdentifier)"
        let hidden = "\(spool)/.\(stamp)-\(file.dropName)"
        do {
            let inode = try Self.write(file.bytes, to: hidden)
            var name = file.dropName
            if try !renameIfFree(hidden, to: "\(spool)/\(name)") {
                // Files of one name may be on their way at once; no two that are there have the same inode.
                name = "\(stamp)-\(inode)-\(file.dropName)"
                guard try renameIfFree(hidden, to: "\(spool)/\(name)") else {
                    throw FileError(path: "\(spool)/\(name)", operation: "rename", code: EEXIST)
                }
            }
            request = DropRequest(name: name, inode: inode)
            self.spool = spool
        } catch let error as FileError {
            unlink(hidden)
            Terminal.complain("\(error)")
            throw ExitCode.refused
        }
    }

    private static func write(_ bytes: [UInt8], to path: String) throws -> Int64 {
        let file = try OpenFile(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o640)
        try bytes.withUnsafeBytes { try file.write($0) }
        // The daemon is another user and reads it through the group, whatever the umask of this one.
        guard fchmod(file.descriptor, 0o640) == 0 else { throw FileError.last("chmod", path) }
        return Int64(bitPattern: UInt64(try file.status().st_ino))
    }

    /// Forces a file that waits there to the disk. One that was taken in meanwhile needs nothing.
    func force() throws {
        do {
            try syncFile("\(spool)/\(request.name)")
            try syncDirectory(spool)
        } catch let error as FileError where !error.isMissing {
            Terminal.complain("\(error)")
            throw ExitCode.refused
        } catch is FileError {
        }
    }
}
