/// Tokens of the documents that are cut into many pieces, in a scratch file: each piece would otherwise tokenize all of
/// its document.
package final class LongDocuments {
    /// Documents of more pieces are kept.
    private static let pieces = 8

    private let directory: String
    private var store: TokenStore?
    /// Where the tokens of a row lie in the store.
    private var places: [Int: Range<Int>] = [:]

    /// Nothing is kept yet.
    package init(of dataset: Dataset) { directory = dataset.scratch }

    /// Keeps the tokens of a row that has many pieces.
    package func consider(_ row: Int, _ ids: [Int32], pieceCount: Int) throws {
        guard pieceCount > Self.pieces else { return }
        let store = try store ?? TokenStore(in: directory)
        self.store = store
        let start = try store.append(ids)
        places[row] = start..<start + ids.count
    }

    /// Number of tokens of a row that is kept.
    package func count(of row: Int) -> Int? { places[row]?.count }

    /// Some of the tokens of a row that is kept.
    package func ids(of row: Int, _ piece: Range<Int>) throws -> [Int32] {
        guard let store, let place = places[row] else { preconditionFailure("row \(row) is not kept") }
        return try store.ids(place.lowerBound + piece.lowerBound..<place.lowerBound + piece.upperBound)
    }
}
