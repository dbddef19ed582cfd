package import Compute

/// The rows of a layout whose hidden states somebody reads: those that predict a target, the last of a prompt.
///
/// The last block of a stack works on these alone; the other rows take part in it as keys and values only. In the other
/// direction it names the input rows whose gradients are wanted (soft tokens among text).
package struct RowSelection: Sendable {
    /// Consecutive rows, and the place of the first of them among the selected ones.
    struct Run: Sendable, Hashable {
        let rows: Range<Int>
        let first: Int

        /// Their places among the selected rows.
        var places: Range<Int> { first..<first + rows.count }
    }

    /// The selected rows, ascending.
    package let rows: [Int32]
    /// The same as runs.
    let runs: [Run]
    /// Queries are places among the selected rows, keys are rows of the layout.
    let spans: [AttentionSpan]
    /// Spans that share keys, as `SequenceLayout.trees`.
    let trees: [Range<Int>]
    /// Rotary positions of the selected rows.
    let positions: [Int32]

    /// Below this share of rows left out, gathering the others costs more than it saves.
    private static let worthwhileShare = 16

    /// Nil when (nearly) all rows of the layout are wanted, or none: a stack then computes all of them.
    ///
    /// - Parameter wanted: in any order; a row may occur several times.
    package init?(_ wanted: some Sequence<Int32>, of layout: SequenceLayout) {
        var isWanted = [Bool](repeating: false, count: layout.tokenCount)
        for row in wanted { isWanted[Int(row)] = true }
        let rows = isWanted.indices.filter { isWanted[$0] }
        guard !rows.isEmpty, (layout.tokenCount - rows.count) * Self.worthwhileShare >= layout.tokenCount else {
            return nil
        }
        self.rows = rows.map { Int32($0) }
        positions = rows.map { layout.positions[$0] }
        var runs: [Run] = []
        var spansOfTree = [[AttentionSpan]](repeating: [], count: layout.trees.count)
        var place = 0
        for (tree, whole) in Self.spansByRow(layout) {
            for run in Self.runs(in: whole.queries, isWanted) {
                let own = whole.queries.lowerBound..<run.upperBound
                spansOfTree[tree].append(
                    AttentionSpan(queries: place..<place + run.count, keys: whole.keys.dropLast() + [own]))
                runs.append(Run(rows: run, first: place))
                place += run.count
            }
        }
        self.runs = runs
        (spans, trees) = spansOfTree.joinedByTree
    }

    /// The spans of a layout with their trees, in the order of their rows.
    private static func spansByRow(_ layout: SequenceLayout) -> [(tree: Int, span: AttentionSpan)] {
        layout.trees.enumerated().flatMap { tree, range in layout.spans[range].map { (tree, $0) } }
            .sorted { $0.1.queries.lowerBound < $1.1.queries.lowerBound }
    }

    private static func runs(in tokens: Range<Int>, _ isWanted: [Bool]) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for row in tokens where isWanted[row] {
            if let last = runs.last, last.upperBound == row {
                runs[runs.count - 1] = last.lowerBound..<row + 1
            } else {
                runs.append(row..<row + 1)
            }
        }
        return runs
    }

    /// Number of selected rows.
    package var count: Int { rows.count }
}

extension [[AttentionSpan]] {
    /// The spans of all trees one after the other, and those of each.
    var joinedByTree: (spans: [AttentionSpan], trees: [Range<Int>]) {
        var (spans, trees): ([AttentionSpan], [Range<Int>]) = ([], [])
        for tree in self {
            trees.append(spans.count..<spans.count + tree.count)
            spans += tree
        }
        return (spans, trees)
    }
}

// MARK: - Moving rows

extension RowSelection {
    /// selected[i] = x[rows[i]].
    func gather(_ x: Matrix, into selected: Matrix, _ context: Context) {
        rows.withUnsafeBufferPointer { gatherRows(x, ids: $0, into: selected, context) }
    }

    /// x[rows[i]] += selected[i].
    func scatterAdd(_ selected: Matrix, into x: Matrix, _ context: Context) {
        rows.withUnsafeBufferPointer { scatterAddRows(selected, ids: $0, into: x, context) }
    }

    /// Moves the selected rows of `x` to its beginning; the others lose their meaning.
    func gatherInPlace(_ x: Matrix) {
        for run in runs where run.rows.lowerBound != run.first {
            // Downwards in ascending order: a row is read before another takes its place.
            for offset in 0..<run.rows.count { x.row(run.first + offset).copy(from: x.row(run.rows.lowerBound + offset)) }
        }
    }

    /// The way back: the first rows of `x` go to the selected places, the others become zero.
    func spreadInPlace(_ x: Matrix) {
        var end = x.rows
        for run in runs.reversed() {
            x.rows(run.rows.upperBound..<end).fill(0)
            end = run.rows.lowerBound
            guard end != run.first else { continue }
            for offset in (0..<run.rows.count).reversed() {
                x.row(run.rows.lowerBound + offset).copy(from: x.row(run.first + offset))
            }
        }
        x.rows(0..<end).fill(0)
    }
}
