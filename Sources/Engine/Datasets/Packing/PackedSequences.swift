package import Compute

/// Several sequences laid end to end for one forward pass, and which rows predict which trained tokens.
package struct PackedSequences: Sendable {
    /// Token ids of all rows.
    package let ids: [Int32]
    /// Independent sequences, positions from 0.
    package let layout: SequenceLayout
    /// The rows that predict a trained token.
    package let headRows: [Int32]
    /// The token that each of `headRows` predicts.
    package let targets: [Int32]
    /// The entries of each sequence in `headRows` and `targets`.
    package let scores: [Range<Int>]

    /// Packs sequences without padding.
    package init(_ sequences: [EncodedSequence]) {
        ids = sequences.flatMap(\.ids)
        layout = SequenceLayout(lengths: sequences.map(\.ids.count))
        var headRows: [Int32] = []
        var scores: [Range<Int>] = []
        var start = 0
        for sequence in sequences {
            let first = headRows.count
            for range in sequence.trained { headRows += range.map { Int32(start + $0 - 1) } }
            scores.append(first..<headRows.count)
            start += sequence.ids.count
        }
        self.headRows = headRows
        self.scores = scores
        targets = sequences.flatMap { sequence in sequence.trained.flatMap { sequence.ids[$0] } }
    }
}

/// Divides consecutive examples into groups of at most `budget` rows; an example that is longer has a group of its own.
/// - Parameter lengths: rows that each example takes.
package func groups(ofLengths lengths: [Int], budget: Int) -> [Range<Int>] {
    var groups: [Range<Int>] = []
    var start = 0
    var rows = 0
    for (index, length) in lengths.enumerated() {
        if index > start && rows + length > budget {
            groups.append(start..<index)
            start = index
            rows = 0
        }
        rows += length
    }
    if start < lengths.count { groups.append(start..<lengths.count) }
    return groups
}
