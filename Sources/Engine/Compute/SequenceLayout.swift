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
    /// What attention reads: for each segment its queries and the rows of its keys.
    package let spans: [AttentionSpan]
    /// Runs of segments that share rows. Different trees are independent of each other.
    package let trees: [Range<Int>]

    /// A general forest of segments. Throws when rows are not covered exactly once, in order, or when a prefix is not
    /// made of earlier rows.
    package init(segments: [Segment]) throws(ComputeError) {
        try Self.check(segments)
        self.init(unchecked: segments)
    }

    /// Independent sequences of the given lengths, positions from 0.
    package init(lengths: [Int]) {
        var start = 0
        var segments: [Segment] = []
        for length in lengths where length > 0 {
            segments.append(Segment(tokens: start..<start + length))
            start += length
        }
        self.init(unchecked: segments)
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
        return SequenceLayout(unchecked: segments)
    }

    private init(unchecked segments: [Segment]) {
        self.segments = segments
        tokenCount = segments.last?.tokens.upperBound ?? 0
        positions = segments.flatMap { segment in
            (0..<segment.tokens.count).map { Int32(segment.firstPosition + $0) }
        }
        spans = segments.map { AttentionSpan(queries: $0.tokens, keys: $0.prefix + [$0.tokens]) }
        trees = Self.trees(of: segments)
    }

    /// A segment without a prefix starts a tree; the ones that continue belong to it.
    private static func trees(of segments: [Segment]) -> [Range<Int>] {
        let starts = segments.indices.filter { segments[$0].prefix.isEmpty }
        return zip(starts, starts.dropFirst() + [segments.count]).map { $0..<$1 }
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
