/// The trainable sequences of a dataset, encoded when asked for: completion rows, or documents in pieces.
///
/// Memory is 8 bytes a sequence. The tokens of documents with many pieces are kept in a scratch file.
package struct SequenceExamples {
    /// What the rows are.
    package enum Kind: Sendable {
        /// Completion rows, one sequence each.
        case completions
        /// Texts for language-model training, cut into pieces.
        case documents
    }

    /// Where the rows come from.
    package let dataset: Dataset
    /// How they become tokens.
    package let encoder: SequenceEncoder
    /// What the rows are.
    package let kind: Kind
    /// What became of the rows.
    package let report: EncodingReport

    /// The row of each sequence; a document of several pieces stands there several times.
    private let rows: [Int32]
    /// Which piece of its row each sequence is.
    private let pieces: [Int32]
    private let longDocuments: LongDocuments

    /// Looks at every row.
    /// - Parameter checkpoint: called now and then; what it throws ends the work (a stop that was asked for).
    /// - Throws: `DatasetError` naming file, line and field of the first row that cannot be used.
    package init(
        _ dataset: Dataset, _ encoder: SequenceEncoder, kind: Kind, checkpoint: () throws -> Void = {}
    ) throws {
        self.dataset = dataset
        self.encoder = encoder
        self.kind = kind
        var report = EncodingReport()
        let longDocuments = LongDocuments(of: dataset)
        var pieces: [Int32] = []
        rows = try keptRows(of: dataset, &report, checkpoint) { row, report in
            let count =
                switch kind {
                case .completions: try Self.completion(row, dataset, encoder, &report) == nil ? 0 : 1
                case .documents: try Self.count(of: row, dataset, encoder, longDocuments, &report)
                }
            pieces += (0..<Int32(count))
            return count
        }
        self.report = report
        self.pieces = pieces
        self.longDocuments = longDocuments
    }

    /// Number of sequences.
    package var count: Int { rows.count }

    /// A sequence in tokens.
    package func sequence(_ index: Int) throws -> EncodedSequence {
        let (row, piece) = (Int(rows[index]), Int(pieces[index]))
        switch kind {
        case .completions:
            var ignored = EncodingReport()
            guard let sequence = try Self.completion(row, dataset, encoder, &ignored) else {
                preconditionFailure("a row that was kept is kept every time")
            }
            return sequence
        case .documents: return EncodedSequence(ids: try ids(row, piece), lossStart: 1)
        }
    }

    private func ids(_ row: Int, _ piece: Int) throws -> [Int32] {
        if let count = longDocuments.count(of: row) {
            return try longDocuments.ids(of: row, encoder.pieces(of: count)[piece])
        }
        let ids = encoder.document(try dataset.text(row))
        return Array(ids[encoder.pieces(of: ids.count)[piece]])
    }

    private static func completion(
        _ row: Int, _ dataset: Dataset, _ encoder: SequenceEncoder, _ report: inout EncodingReport
    ) throws -> EncodedSequence? {
        let completion = try dataset.completion(row)
        return try dataset.locatingProblems(row) { () throws(RowProblem) in try encoder.encode(completion, &report) }
    }

    private static func count(
        of row: Int, _ dataset: Dataset, _ encoder: SequenceEncoder, _ longDocuments: LongDocuments,
        _ report: inout EncodingReport
    ) throws -> Int {
        let ids = encoder.document(try dataset.text(row))
        let pieces = encoder.pieces(of: ids.count)
        if pieces.isEmpty { report.drop(.nothingToPredict) }
        for piece in pieces { report.keep(PromptTokens.Cuts(), promptLength: 0, responseLengths: [piece.count]) }
        try longDocuments.consider(row, ids, pieceCount: pieces.count)
        return pieces.count
    }
}
