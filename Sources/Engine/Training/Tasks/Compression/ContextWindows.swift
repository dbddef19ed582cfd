import Datasets
import DurableFiles

/// Texts cut into contexts of at most so many tokens, each from where the one before it ended. No special tokens.
struct ContextWindows {
    let dataset: Dataset
    let codec: TextCodec
    let maximumLength: Int
    /// Shorter windows are left out.
    let minimumLength: Int
    /// What became of the rows.
    let report: ContextReport
    /// Tokens of the longest window.
    var longest: Int { report.lengths.longest }

    /// The row of each window, and which window of it.
    private let rows, pieces: [Int32]
    private let longDocuments: LongDocuments

    /// Looks at every row. Rows without enough tokens are left out.
    init(
        _ dataset: Dataset, _ codec: TextCodec, maximumLength: Int, minimumLength: Int, checkpoint: () throws -> Void
    ) throws {
        self.dataset = dataset
        self.codec = codec
        self.maximumLength = maximumLength
        self.minimumLength = minimumLength
        var (rows, pieces): ([Int32], [Int32]) = ([], [])
        var report = ContextReport(maximumLength: maximumLength, minimumLength: minimumLength)
        let longDocuments = LongDocuments(of: dataset)
        for row in 0..<dataset.count {
            if row % 64 == 0 { try checkpoint() }
            let ids = codec.encode(try dataset.text(row), false)
            let windows = report.divide(ids.count)
            rows += Array(repeating: Int32(row), count: windows)
            pieces += 0..<Int32(windows)
            try longDocuments.consider(row, ids, pieceCount: windows)
        }
        guard !rows.isEmpty else {
            throw TrainingError.data(
                "\(dataset.place(ofRow: 0)): no row has \(minimumLength) tokens; expected at least one context")
        }
        (self.rows, self.pieces, self.longDocuments) = (rows, pieces, longDocuments)
        self.report = report
    }

    var count: Int { rows.count }

    /// Number of the dataset's row behind a window.
    func row(of index: Int) -> Int { Int(rows[index]) }

    /// The tokens of a window, at least one.
    func context(_ index: Int) throws -> [Int32] {
        let (row, start) = (row(of: index), Int(pieces[index]) * maximumLength)
        if let count = longDocuments.count(of: row) {
            return try longDocuments.ids(of: row, start..<min(start + maximumLength, count))
        }
        let ids = codec.encode(try dataset.text(row), false)
        return Array(ids[start..<min(start + maximumLength, ids.count)])
    }

    /// Digest of everything that decides what the windows are.
    var identity: String {
        SHA256.hex(of: "\(dataset.digest) \(codec.digest) windows of \(minimumLength) to \(maximumLength)")
    }
}
