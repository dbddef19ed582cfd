package import Compute

/// Consecutive rows of a layout that a pass works on, whole segments; the keys and values of earlier rows are there.
///
/// A forward pass over a window continues one over the rows before it. An adjoint over a window gives the input
/// gradients of its rows, where none of the rows behind it see them or have gradients of their own: responses without
/// their prompts.
package struct RowWindow: Sendable {
    /// The rows.
    package let rows: Range<Int>
    /// Rotary positions of the rows.
    let positions: [Int32]
    /// What their attention reads: rows of the whole layout.
    let spans: [AttentionSpan]
    /// Spans that share keys, as `SequenceLayout.trees`.
    let trees: [Range<Int>]
    /// Whether it holds every row of its layout.
    let isWhole: Bool

    /// All rows.
    package init(_ layout: SequenceLayout) {
        rows = 0..<layout.tokenCount
        (positions, spans, trees) = (layout.positions, layout.spans, layout.trees)
        isWhole = true
    }

    /// Some rows, which must not cut a segment.
    package init(_ rows: Range<Int>, of layout: SequenceLayout) {
        self.rows = rows
        positions = Array(layout.positions[rows])
        (spans, trees) = layout.trees.map { tree in
            layout.spans[tree].filter { span in
                let part = span.queries.clamped(to: rows)
                precondition(part.isEmpty || part == span.queries, "rows \(rows) cut a segment of rows \(span.queries)")
                return !part.isEmpty
            }
        }.joinedByTree
        isWhole = rows == 0..<layout.tokenCount
    }
}
