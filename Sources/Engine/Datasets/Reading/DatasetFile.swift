import DurableFiles

/// One open file of a dataset: where its rows begin, and their bytes on demand.
///
/// The file stays open, so replacing it by another of the same name does no harm; changing it in place is noticed.
/// A compressed file is unpacked once into a scratch file, and everything here is about its unpacked bytes.
final class DatasetFile {
    /// Largest row that is read.
    static let longestRow = 64 << 20

    let path: String
    let format: RowFormat
    let size: Int
    /// SHA-256 of the file's bytes, unpacked: the same rows have the same digest however they are packed.
    let digest: String
    /// Offset of every row; 8 bytes a row is all that is kept in memory.
    private(set) var starts: [Int] = []
    /// Names of the columns (`.csv` only).
    private(set) var header: [String] = []

    private let source: RowSource

    private static let pieceSize = 1 << 20
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Opens the file and reads it once from start to end, finding its rows and its digest.
    /// - Parameter scratch: directory for what a compressed file unpacks to.
    init(_ path: String, scratch: String) throws {
        self.path = path
        let kind = try DatasetFileKind(path: path)
        format = kind.format
        source = try RowSource(path, kind.compression, scratch: scratch)
        size = source.size
        switch format {
        case .jsonLines: (starts, digest) = try Self.index(source, LineScanner())
        case .text: (starts, digest) = try Self.index(source, DocumentScanner())
        case .jsonArray: (starts, digest) = try Self.index(source, JSONArrayScanner())
        case .csv: (starts, digest) = try Self.index(source, CSVScanner())
        }
        if format == .csv { try takeHeader() }
        try checkRowSizes()
    }

    var rowCount: Int { starts.count }

    /// The bytes of one row, up to where the next begins; separators at the end included.
    func bytes(ofRow row: Int) throws -> [UInt8] {
        let start = starts[row]
        let end = row + 1 < starts.count ? starts[row + 1] : size
        let row = try Self.bytes(start..<end, of: source)
        return start == 0 && row.starts(with: Self.byteOrderMark) ? Array(row.dropFirst(3)) : row
    }

    /// The line on which a row begins, counted from 1. Reads the file up to there: for errors only.
    func line(ofRow row: Int) throws -> Int {
        try Self.line(atOffset: starts[row], of: source)
    }

    private static func line(atOffset offset: Int, of source: RowSource) throws -> Int {
        var newlines = 0
        var position = 0
        while position < offset {
            let piece = try bytes(position..<min(position + pieceSize, offset), of: source)
            newlines += piece.reduce(0) { $1 == .newline ? $0 + 1 : $0 }
            position += piece.count
        }
        return newlines + 1
    }

    private static func bytes(_ range: Range<Int>, of source: RowSource) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            let target = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count])
            try source.read(into: target, at: range.lowerBound)
            count = range.count
        }
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
        _ source: RowSource, _ initial: Scanner
    ) throws -> (starts: [Int], digest: String) {
        var scanner = initial
        var starts: [Int] = []
        var digest = SHA256.Stream()
        do {
            try withUnsafeTemporaryAllocation(byteCount: pieceSize, alignment: 64) { buffer in
                for offset in stride(from: 0, to: source.size, by: pieceSize) {
                    let count = min(pieceSize, source.size - offset)
                    let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                    try source.read(into: piece, at: offset)
                    digest.update(UnsafeRawBufferPointer(piece))
                    if offset == 0 && piece.starts(with: byteOrderMark) { blank(piece, byteOrderMark.count) }
                    try scanner.scan(UnsafeRawBufferPointer(piece), at: offset, into: &starts)
                }
            }
            try scanner.finish()
        } catch let problem as RowProblem {
            let found = try problem.offset.map { try line(atOffset: $0, of: source) }
            throw problem.located(file: source.path, line: found)
        }
        return (starts, digest.hex())
    }

    private static func blank(_ bytes: UnsafeMutableRawBufferPointer, _ count: Int) {
        for index in 0..<count { bytes[index] = UInt8(ascii: " ") }
    }
}
