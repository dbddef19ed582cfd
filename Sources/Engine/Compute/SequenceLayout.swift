/// Ragged sequences packed end to end, without padding; a segment may continue others.
///
/// A pair of responses shares its prompt: one segment for the prompt, one for each response with the prompt as its
/// prefix. The rows of all segments lie in one matrix of tokens × channels.
package struct SequenceLayout: Sendable {
    /// Consecutive tokens that attend causally to each other and wholly to a prefix.
    package struct Segment: Sendable, Hashable {
        /// The rows of its tokens.
        package let tokens: Range<Int>
        /// Rows of earlier segments that every token of this one may see, ascending.
        package let prefix: [Range<Int>]
        /// Rotary position of the first token; the others follow.
        package let firstPosition: Int

        package init(tokens: Range<Int>, prefix: [Range<Int>] = [], firstPosition: Int = 0) {
            self.tokens = tokens
            self.prefix = prefix
            self.firstPosition = firstPosition
        }
    }

    package let segments: [Segment]
    /// Number of packed rows.
    package let tokenCount: Int
    /// Rotary position of every row.
    package let positions: [Int32]
    /// What attention reads: for each segment its queries and the rows of its keys. Those of a tree follow each other.
    package let spans: [AttentionSpan]
    /// Runs of spans that share rows. Different trees are independent of each other.
    package let trees: [Range<Int>]

    /// A general forest of segments. Throws when rows are not covered exactly once, in order, or when a prefix is not
    /// made of earlier rows.
    package init(segments: [Segment]) throws(ComputeError) {
        try Self.check(segments)
        self.init(treeByTree: segments)
    }

    /// Independent sequences of the given lengths, positions from 0.
    package init(lengths: [Int]) {
        var start = 0
        var segments: [Segment] = []
        for length in lengths where length > 0 {
            segments.append(Segment(tokens: start..<start + length))
            start += length
        }
        self.init(treeByTree: segments)
    }

    /// Trees of one prompt and the branches that continue it, without copies: the last row of a prompt predicts the
    /// first token of each of its branches. Empty branches take no rows and no segment.
    package static func sharedPrompt(_ trees: [(prompt: Int, branches: [Int])]) -> SequenceLayout {
        var segments: [Segment] = []
        var start = 0
        for tree in trees {
            let prompt = start..<start + tree.prompt
            segments.append(Segment(tokens: prompt))
            start = prompt.upperBound
            for length in tree.branches where length > 0 {
                segments.append(
                    Segment(tokens: start..<start + length, prefix: [prompt], firstPosition: tree.prompt))
                start += length
            }
        }
        return SequenceLayout(treeByTree: segments)
    }

    /// The same trees in another order of rows: all prompts, then the first branch of every tree, then the second. So
    /// all prompts are consecutive rows, and so are all branches of a kind.
    package static func sharedPromptByLevel(_ trees: [(prompt: Int, branches: [Int])]) -> SequenceLayout {
        var (segments, treeOfSegment): ([Segment], [Int]) = ([], [])
        var start = 0
        func append(_ length: Int, _ tree: Int, _ prefix: [Range<Int>], from position: Int) {
            guard length > 0 else { return }
            segments.append(Segment(tokens: start..<start + length, prefix: prefix, firstPosition: position))
            treeOfSegment.append(tree)
            start += length
        }
        for (tree, lengths) in trees.enumerated() { append(lengths.prompt, tree, [], from: 0) }
        let prompts = segments.map(\.tokens)
        for level in 0..<(trees.map(\.branches.count).max() ?? 0) {
            for (tree, lengths) in trees.enumerated() where level < lengths.branches.count {
                append(lengths.branches[level], tree, [prompts[tree]], from: lengths.prompt)
            }
        }
        return SequenceLayout(unchecked: segments, treeOfSegment)
    }

    /// A segment without a prefix starts a tree; the ones that continue follow it.
    private init(treeByTree segments: [Segment]) {
        var tree = -1
        self.init(
            unchecked: segments,
            segments.map { segment in
                if segment.prefix.isEmpty { tree += 1 }
                return tree
            })
    }

    private init(unchecked segments: [Segment], _ treeOfSegment: [Int]) {
        self.segments = segments
        tokenCount = segments.last?.tokens.upperBound ?? 0
        positions = segments.flatMap { segment in
            (0..<segment.tokens.count).map { Int32(segment.firstPosition + $0) }
        }
        var (spans, trees): ([AttentionSpan], [Range<Int>]) = ([], [])
        let order = segments.indices.sorted { (treeOfSegment[$0], $0) < (treeOfSegment[$1], $1) }
        for (place, index) in order.enumerated() {
            let segment = segments[index]
            spans.append(AttentionSpan(queries: segment.tokens, keys: segment.prefix + [segment.tokens]))
            if segment.prefix.isEmpty { trees.append(place..<place) }
            trees[trees.count - 1] = trees[trees.count - 1].lowerBound..<place + 1
        }
        (self.spans, self.trees) = (spans, trees)
    }

    private static func check(_ segments: [Segment]) throws(ComputeError) {
        var next = 0
        var treeStart = 0
        for (index, segment) in segments.enumerated() {
            guard segment.tokens.lowerBound == next, !segment.tokens.isEmpty else {
                throw .malformedLayout("segment \(index) covers rows \(segment.tokens), expected to start at \(next)")
            }
            if segment.prefix.isEmpty { treeStart = next }
            var end = treeStart
            for range in segment.prefix {
                guard range.lowerBound >= end, range.upperBound <= segment.tokens.lowerBound, !range.isEmpty else {
                    throw .malformedLayout(
                        "segment \(index) has prefix \(range), expected ascending rows in \(treeStart)..<\(next)")
                }
                end = range.upperBound
            }
            guard segment.firstPosition >= 0 else {
                throw .malformedLayout("segment \(index) starts at position \(segment.firstPosition)")
            }
            next = segment.tokens.upperBound
        }
    }
}

/// Rows of queries and the rows of the keys they see. The last `queries.count` keys are the queries' own, so query i
/// sees the first `keyCount − queries.count + i + 1` keys.
package struct AttentionSpan: Sendable, Hashable {
    package let queries: Range<Int>
    package let keys: [Range<Int>]
    /// Number of keys.
    package let keyCount: Int

    package init(queries: Range<Int>, keys: [Range<Int>]) {
        self.queries = queries
        self.keys = keys
        keyCount = keys.reduce(0) { $0 + $1.count }
    }

    /// Number of keys before the first query's own.
    package var offset: Int { keyCount - queries.count }
}
