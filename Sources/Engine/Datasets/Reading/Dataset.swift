import DurableFiles
import Glibc

/// The rows of one file, several files, or the readable files of a folder in order of name.
///
/// Opening reads every file once, for the offsets of its rows and its digest; afterwards any row is read from its
/// place. Memory is 8 bytes a row. Compressed files are unpacked once into nameless scratch files.
package final class Dataset {
    /// The names by which the fields of a row are found.
    package let columns: ColumnNames
    /// Number of rows in all files together.
    package let count: Int
    /// SHA-256 of the data: of the unpacked bytes of a single file, or of the digests of several, one a line.
    package let digest: String
    /// Directory for what is computed from the rows and too large for memory.
    let scratch: String

    private let files: [DatasetFile]
    /// Number of rows before each file.
    private let firstRows: [Int]

    /// Opens files and folders.
    /// - Parameter scratch: directory for what compressed files unpack to; nothing is left there.
    /// - Throws: `DatasetError` or `FileError` naming the file that cannot be read as a dataset.
    package init(
        _ paths: [String], columns: ColumnNames = ColumnNames(), scratch: String = Dataset.temporaryDirectory
    ) throws {
        self.columns = columns
        self.scratch = scratch
        files = try paths.flatMap(Self.expand).map { try DatasetFile($0, scratch: scratch) }
        var total = 0
        firstRows = files.map { file in
            defer { total += file.rowCount }
            return total
        }
        count = total
        digest = files.count == 1 ? files[0].digest : SHA256.hex(of: files.map { $0.digest + "\n" }.joined())
        guard count > 0 else {
            throw DatasetError(
                file: paths.joined(separator: ", "), found: "no rows", expected: "at least one row")
        }
    }

    /// Opens one file or folder.
    package convenience init(
        _ path: String, columns: ColumnNames = ColumnNames(), scratch: String = Dataset.temporaryDirectory
    ) throws {
        try self.init([path], columns: columns, scratch: scratch)
    }

    /// Every file with its number of rows, in order.
    package var parts: [(path: String, rowCount: Int)] { files.map { ($0.path, $0.rowCount) } }

    /// The system's directory for temporary files.
    package static var temporaryDirectory: String {
        let path = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        return path.isEmpty ? "/tmp" : path
    }

    /// A folder's readable files; a file is itself.
    private static func expand(_ path: String) throws -> [String] {
        guard let names = try? directoryNames(path) else { return [path] }
        let readable = names.filter(DatasetFileKind.isReadable)
        guard !readable.isEmpty else {
            throw DatasetError(
                file: path, found: "a folder without datasets",
                expected: "files with \(DatasetFileKind.expectation)")
        }
        return readable.map { path + "/" + $0 }
    }

    /// Where a row comes from, for people. Reads the file up to the row: not for every row.
    package func place(ofRow row: Int) -> String {
        let (file, local) = locate(row)
        guard let line = try? file.line(ofRow: local) else { return "\(file.path), row \(local + 1)" }
        return "\(file.path):\(line)"
    }

    /// The fields of one row.
    func record(_ row: Int) throws -> Record {
        let (file, local) = locate(row)
        let bytes = try file.bytes(ofRow: local)
        return try locatingProblems(row) { () throws(RowProblem) in
            switch file.format {
            case .jsonLines: try Record(jsonObject: bytes[...])
            case .jsonArray: try Record(jsonObject: bytes.droppingElementSeparator())
            case .csv: try Record(header: file.header, fields: CSVRecord.fields(of: bytes))
            case .text: Record(text: try UTF8Text.string(bytes.trimmingBlankEnds()), column: columns.text)
            }
        }
    }

    /// Runs `body`, and gives a problem that it throws the place of `row`.
    func locatingProblems<Result>(_ row: Int, _ body: () throws(RowProblem) -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            let (file, local) = locate(row)
            throw error.located(file: file.path, line: try file.line(ofRow: local))
        }
    }

    private func locate(_ row: Int) -> (file: DatasetFile, local: Int) {
        precondition(row >= 0 && row < count, "row \(row) of \(count)")
        var low = 0
        var high = files.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if firstRows[middle] <= row { low = middle } else { high = middle }
        }
        return (files[low], row - firstRows[low])
    }
}

extension [UInt8] {
    /// An element of a JSON array without the comma or bracket that ends it.
    fileprivate func droppingElementSeparator() -> ArraySlice<UInt8> {
        var bytes = self[...]
        while let last = bytes.last, last.isBlank { bytes.removeLast() }
        if bytes.last == UInt8(ascii: ",") || bytes.last == UInt8(ascii: "]") { bytes.removeLast() }
        return bytes
    }

    fileprivate func trimmingBlankEnds() -> ArraySlice<UInt8> {
        var bytes = self[...]
        while let last = bytes.last, last.isBlank { bytes.removeLast() }
        return bytes
    }
}
