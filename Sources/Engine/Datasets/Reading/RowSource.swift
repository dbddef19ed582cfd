import DurableFiles
import Glibc

/// The bytes that rows are read from: a file as it is, or what a compressed one unpacks to.
final class RowSource {
    let path: String
    /// Number of bytes, unpacked.
    let size: Int

    private enum Bytes {
        case plain(PlainFile)
        case unpacked(ScratchFile)
    }

    private let bytes: Bytes

    /// Opens a file; a compressed one is unpacked into the directory `scratch`.
    init(_ path: String, _ compression: Compression?, scratch: String) throws {
        self.path = path
        let file = try PlainFile(path)
        if let compression {
            let unpacked = try ScratchFile(in: scratch)
            try UnpackedFile(path, compression).unpack(file.file, into: unpacked)
            try file.requireUnchanged()
            bytes = .unpacked(unpacked)
            size = unpacked.size
        } else {
            bytes = .plain(file)
            size = file.size
        }
    }

    /// Fills a buffer from a place, which must lie within the bytes with all of it.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
        switch bytes {
        case .plain(let file): try file.read(into: buffer, at: offset)
        case .unpacked(let file): try file.read(into: buffer, at: offset)
        }
    }
}

/// A regular file that must not change while it is in use.
private final class PlainFile {
    let file: OpenFile
    let size: Int
    private let modified: timespec

    init(_ path: String) throws {
        file = try OpenFile(path, O_RDONLY)
        let status = try file.status()
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw DatasetError(file: path, found: "something that is not a regular file", expected: "a file")
        }
        size = Int(status.st_size)
        modified = status.st_mtim
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
        try requireUnchanged()
        guard try file.readAll(into: buffer, at: offset) else { throw changed }
    }

    func requireUnchanged() throws {
        let status = try file.status()
        guard Int(status.st_size) == size, status.st_mtim.tv_sec == modified.tv_sec,
            status.st_mtim.tv_nsec == modified.tv_nsec
        else { throw changed }
    }

    private var changed: DatasetError {
        DatasetError(
            file: file.path, found: "a file that was changed while it was in use",
            expected: "the same bytes as at the start", advice: "write changed data to a new file")
    }
}
