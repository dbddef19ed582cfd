import DurableFiles
import Glibc

/// One open file of a dataset: where its rows begin, and their bytes on demand.
///
/// The file stays open, so replacing it by another of the same name does no harm; changing it in place is noticed.
final class DatasetFile {
    /// Largest row that is read.
    static let longestRow = 64 << 20

    let path: String
    let format: RowFormat
    let size: Int
    /// SHA-256 of the file's bytes.
    let digest: String
    /// Offset of every row; 8 bytes a row is all that is kept in memory.
    private(set) var starts: [Int] = []
    /// Names of the columns (`.csv` only).
    private(set) var header: [String] = []

    private let file: OpenFile
    private let modified: timespec

    private static let pieceSize = 1 << 20
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Opens the file and reads it once from start to end, finding its rows and its digest.
    init(_ path: String) throws {
        self.path = path
        format = try RowFormat(path: path)
        file = try OpenFile(path, O_RDONLY)
        let status = try file.status()
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw DatasetError(file: path, found: "something that is not a regular file", expected: "a file")
        }
        size = Int(status.st_size)
        modified = status.st_mtim
        switch format {
        case .jsonLines: (starts, digest) = try Self.index(file, LineScanner())
        case .text: (starts, digest) = try Self.index(file, DocumentScanner())
        case .jsonArray: (starts, digest) = try Self.index(file, JSONArrayScanner())
        case .csv: (starts, digest) = try Self.index(file, CSVScanner())
        }
        if format == .csv { try takeHeader() }
        try checkRowSizes()
    }

    var rowCount: Int { starts.count }

    /// The bytes of one row, up to where the next begins; separators at the end included.
    func bytes(ofRow row: Int) throws -> [UInt8] {
        let start = starts[row]
        let end = row + 1 < starts.count ? starts[row + 1] : size
        let row = try bytes(start..<end)
        return start == 0 && row.starts(with: Self.byteOrderMark) ? Array(row.dropFirst(3)) : row
    }

    /// The line on which a row begins, counted from 1. Reads the file up to there: for errors only.
    func line(ofRow row: Int) throws -> Int {
        try line(atOffset: starts[row])
    }

    private func line(atOffset offset: Int) throws -> Int {
        var newlines = 0
        var position = 0
        while position < offset {
            let piece = try bytes(position..<min(position + Self.pieceSize, offset))
            newlines += piece.reduce(0) { $1 == .newline ? $0 + 1 : $0 }
            position += piece.count
        }
        return newlines + 1
    }

    private func bytes(_ range: Range<Int>) throws -> [UInt8] {
        try requireUnchanged()
        return try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            while count < range.count {
                let read = pread(
                    file.descriptor, buffer.baseAddress.map { $0 + count }, range.count - count,
                    off_t(range.lowerBound + count))
                if read > 0 {
                    count += read
                } else if read == 0 || errno != EINTR {
                    throw read == 0 ? changed : FileError.last("read", path)
                }
            }
        }
    }

    private func requireUnchanged() throws {
        let status = try file.status()
        guard Int(status.st_size) == size, status.st_mtim.tv_sec == modified.tv_sec,
            status.st_mtim.tv_nsec == modified.tv_nsec
        else { throw changed }
    }

    private var changed: DatasetError {
        DatasetError(
            file: path, found: "a file that was changed while it was in use",
            expected: "the same bytes as at the start",
            advice: "write changed data to a new file")
    }

    private func takeHeader() throws {
        guard !starts.isEmpty else {
            throw DatasetError(file: path, found: "no header line", expected: "a first line that names the columns")
        }
        do {
            header = try CSVRecord.fields(of: try bytes(ofRow: 0))
        } catch let problem as RowProblem {
            throw problem.located(file: path, line: 1)
        }
        starts.removeFirst()
    }

    private func checkRowSizes() throws {
        for row in starts.indices {
            let end = row + 1 < starts.count ? starts[row + 1] : size
            guard end - starts[row] <= Self.longestRow else {
                throw DatasetError(
                    file: path, line: try line(ofRow: row), found: "a row of \(end - starts[row]) bytes",
                    expected: "at most \(Self.longestRow) bytes")
            }
        }
    }

    /// One pass over the file: offsets of rows and the digest of its bytes. A byte order mark belongs to no row.
    private static func index<Scanner: RowScanner>(
        _ file: borrowing OpenFile, _ initial: Scanner
    ) throws -> (starts: [Int], digest: String) {
        var scanner = initial
        var starts: [Int] = []
        var digest = SHA256.Stream()
        var offset = 0
        let path = file.path
        do {
            try withUnsafeTemporaryAllocation(byteCount: pieceSize, alignment: 64) { buffer in
                while true {
                    let count = try file.read(into: buffer)
                    if count == 0 { return }
                    let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                    digest.update(UnsafeRawBufferPointer(piece))
                    if offset == 0 && piece.starts(with: byteOrderMark) { blank(piece, byteOrderMark.count) }
                    try scanner.scan(UnsafeRawBufferPointer(piece), at: offset, into: &starts)
                    offset += count
                }
            }
            try scanner.finish()
        } catch let problem as RowProblem {
            throw problem.located(file: path, line: nil)
        }
        return (starts, digest.hex())
    }

    private static func blank(_ bytes: UnsafeMutableRawBufferPointer, _ count: Int) {
        for index in 0..<count { bytes[index] = UInt8(ascii: " ") }
    }
}
