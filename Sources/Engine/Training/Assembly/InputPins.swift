import DurableFiles
import Glibc
package import JobModel

extension InputPin {
    /// Throws unless the file is the one that was pinned: the same inode, size and time, or else the same content.
    ///
    /// A job runs on what it was submitted with; a file that changed in between ends it.
    package func verify(_ interruption: () throws -> Void) throws {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw TrainingError.data("\(role.rawValue): \(path): \(String(cString: strerror(errno)))")
        }
        let modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        if Int64(status.st_dev) == device, Int64(status.st_ino) == inode, Int64(status.st_size) == size,
            modified == modifiedNanoseconds
        {
            return
        }
        if let sha256, Int64(status.st_size) == size,
            try SHA256.hex(ofFile: path, checkpoint: interruption).hex == sha256
        {
            return
        }
        throw TrainingError.data("\(role.rawValue): \(path) has changed since the job was submitted; submit it again")
    }
}
