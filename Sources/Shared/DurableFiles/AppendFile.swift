import Glibc

/// A file that only grows, and can be cut back to an earlier length when it is opened.
package struct AppendFile: ~Copyable {
    private let file: OpenFile
    /// Length of the file in bytes.
    package private(set) var offset: Int

    /// Opens or creates the file and cuts it to `length` bytes.
    ///
    /// A file shorter than `length` is an error: what a checkpoint relies on is gone.
    package init(_ path: String, cutTo length: Int) throws {
        let file = try OpenFile(path, O_WRONLY | O_CREAT)
        let size = Int(try file.status().st_size)
        guard size >= length else {
            throw FileError(
                path: path, operation: "cut back", code: 0, detail: "\(size) bytes, expected at least \(length)")
        }
        guard ftruncate(file.descriptor, off_t(length)) == 0, lseek(file.descriptor, 0, SEEK_END) == length else {
            throw FileError.last("truncate", path)
        }
        self.file = file
        offset = length
    }

    /// Appends one piece with a single write; on an error the file is cut back to where it was.
    package mutating func append(_ text: String) throws {
        var text = text
        do {
            try text.withUTF8 { try file.write(UnsafeRawBufferPointer($0)) }
        } catch {
            _ = ftruncate(file.descriptor, off_t(offset))
            lseek(file.descriptor, off_t(offset), SEEK_SET)
            throw error
        }
        offset += text.utf8.count
    }

    /// Forces everything appended so far to the disk.
    package func sync() throws { try file.sync() }
}
