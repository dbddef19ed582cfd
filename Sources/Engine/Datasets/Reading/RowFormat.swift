/// How the bytes of a dataset file are divided into rows.
package enum RowFormat: String, Sendable, CaseIterable {
    /// One JSON object per line.
    case jsonLines = "jsonl"
    /// One JSON array of objects.
    case jsonArray = "json"
    /// Comma-separated values with a header line (RFC 4180).
    case csv
    /// Documents separated by blank lines.
    case text = "txt"

    /// The format that a file's name asks for.
    /// - Throws: `DatasetError` for a name that says nothing or names a compressed file.
    package init(path: String) throws(DatasetError) {
        let ending = path.split(separator: "/").last?.split(separator: ".").dropFirst().last.map { $0.lowercased() }
        switch ending {
        case "jsonl", "ndjson": self = .jsonLines
        case "json": self = .jsonArray
        case "csv": self = .csv
        case "txt": self = .text
        case "gz", "zst", "xz", "bz2":
            throw DatasetError(
                file: path, found: "a compressed file", expected: Self.expectation,
                advice: "decompress it first; compressed datasets are not read")
        default:
            throw DatasetError(file: path, found: "a name ending in \"\(ending ?? "")\"", expected: Self.expectation)
        }
    }

    private static let expectation = "a name ending in .jsonl, .json, .csv or .txt"

    /// Whether a file's name has one of the endings that are read; others in a folder are passed over.
    static func isReadable(_ name: String) -> Bool {
        !name.hasPrefix(".") && (try? RowFormat(path: name)) != nil
    }
}
