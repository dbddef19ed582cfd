/// The trainable rows of a preference dataset, encoded when asked for.
///
/// Opening encodes every row once to find which are kept; 4 bytes a row stay in memory.
package struct PairExamples {
    /// Where the rows come from.
    package let dataset: Dataset
    /// How they become tokens.
    package let encoder: PairEncoder
    /// What became of the rows.
    package let report: EncodingReport

    private let rows: [Int32]

    private static let boundaryChecks = 256

    /// Looks at every row.
    /// - Parameter checkpoint: called now and then; what it throws ends the work (a stop that was asked for).
    /// - Throws: `DatasetError` naming file, line and field of the first row that cannot be used.
    package init(_ dataset: Dataset, _ encoder: PairEncoder, checkpoint: () throws -> Void = {}) throws {
        self.dataset = dataset
        self.encoder = encoder
        var report = EncodingReport()
        rows = try keptRows(of: dataset, &report, checkpoint) { row, report in
            let preference = try dataset.preference(row)
            return try dataset.locatingProblems(row) { () throws(RowProblem) in
                if report.boundaryChecks < Self.boundaryChecks && encoder.settings.joining == .separate {
                    report.boundaryChecks += 1
                    report.boundaryMerges += try encoder.mergesAcrossBoundary(preference) ? 1 : 0
                }
                return try encoder.encode(preference, &report) == nil ? 0 : 1
            }
        }
        self.report = report
    }

    /// Number of trainable pairs.
    package var count: Int { rows.count }

    /// The dataset's row behind a pair.
    package func row(of index: Int) -> Int { Int(rows[index]) }

    /// A pair in tokens.
    package func pair(_ index: Int) throws -> EncodedPair {
        let row = row(of: index)
        let preference = try dataset.preference(row)
        var ignored = EncodingReport()
        let pair = try dataset.locatingProblems(row) { () throws(RowProblem) in
            try encoder.encode(preference, &ignored)
        }
        guard let pair else { preconditionFailure("a row that was kept is kept every time") }
        return pair
    }
}

/// Every row as often as it gives an example.
func keptRows(
    of dataset: Dataset, _ report: inout EncodingReport, _ checkpoint: () throws -> Void,
    examples: (Int, inout EncodingReport) throws -> Int
) throws -> [Int32] {
    var rows: [Int32] = []
    for row in 0..<dataset.count {
        if row % 64 == 0 { try checkpoint() }
        rows += Array(repeating: Int32(row), count: try examples(row, &report))
    }
    guard !rows.isEmpty else {
        throw DatasetError(
            file: dataset.place(ofRow: 0),
            found: "no row that can be trained on (\(report.lines.joined(separator: "; ")))",
            expected: "at least one", advice: "raise max_length or look at the data")
    }
    return rows
}
