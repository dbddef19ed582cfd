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
}

/// How a file is packed.
package enum Compression: String, Sendable, CaseIterable {
    /// gzip, of one or several members.
    case gzip = "gz"
    /// Zstandard, of one or several frames.
    case zstandard = "zst"
}

/// What a file's name says about its content: `rows.jsonl`, `rows.csv.zst`.
package struct DatasetFileKind: Sendable, Equatable {
    /// How its bytes are divided into rows, once unpacked.
    package let format: RowFormat
    /// How it is packed; nil if it is not.
    package let compression: Compression?

    /// The kind that a name asks for.
    /// - Throws: `DatasetError` for a name that says nothing or names something that is not read.
    package init(path: String) throws(DatasetError) {
        var endings = path.split(separator: "/").last?.split(separator: ".").dropFirst().map { $0.lowercased() } ?? []
        compression = endings.last.flatMap(Compression.init(rawValue:))
        if compression != nil { endings.removeLast() }
        switch endings.last {
        case "jsonl", "ndjson": format = .jsonLines
        case "json": format = .jsonArray
        case "csv": format = .csv
        case "txt": format = .text
        case let ending:
            throw DatasetError(
                file: path, found: ending.map { "a name ending in \".\($0)\"" } ?? "a name without an ending",
                expected: Self.expectation, advice: Self.advice(ending))
        }
    }

    /// The endings that are read, for people.
    static let expectation = "a name ending in .jsonl, .json, .csv or .txt, or one of these with .gz or .zst behind it"

    private static func advice(_ ending: String?) -> String? {
        switch ending {
        case "parquet":
            "convert it, for example with DuckDB: COPY (FROM 'rows.parquet') TO 'rows.jsonl.zst'; or with pandas: "
                + "read_parquet('rows.parquet').to_json('rows.jsonl.gz', orient='records', lines=True)"
        case "xz", "bz2", "zip", "7z", "lz4", "br": "decompress it, or pack it with gzip or zstd"
        default: nil
        }
    }

    /// Whether a file's name has one of the endings that are read; others in a folder are passed over.
    static func isReadable(_ name: String) -> Bool {
        !name.hasPrefix(".") && (try? DatasetFileKind(path: name)) != nil
    }
}
