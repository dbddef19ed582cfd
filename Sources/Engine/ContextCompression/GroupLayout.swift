package import Compute

/// The contexts of some samples packed for the encoder, and the groups of their rows that become one soft token each.
///
/// Groups are counted from the first token of every segment, so packing and padding never shift them. With memory
/// tokens there is no merging: rows that read the segment follow it, and each of them is a group of its own.
package struct GroupLayout: Sendable {
    /// One context and its compression rate.
    package struct Context: Sendable, Hashable {
        /// Tokens of each segment that is compressed by itself; a short context is a single one.
        package let segments: [Int]
        /// Tokens for one soft token.
        package let groupSize: Int

        /// A context cut into segments.
        package init(segments: [Int], groupSize: Int) {
            self.segments = segments
            self.groupSize = groupSize
        }
    }

    /// What becomes of a last group with fewer tokens.
    package enum Remainder: String, Sendable, Hashable, CaseIterable {
        /// The mean of its members.
        case mean
        /// It is left out.
        case drop
        /// Its sum is divided by the whole group size, as if zero rows filled it up.
        case pad

        /// Groups of `length` tokens in groups of `size`.
        package func groupCount(of length: Int, size: Int) -> Int {
            self == .drop ? length / size : (length + size - 1) / size
        }
    }

    /// How states become soft tokens.
    package enum Merge: String, Sendable, Hashable, CaseIterable {
        /// The mean of each group (GMSA).
        case mean
        /// Learned embeddings after the context, whose states are the soft tokens (ICAE, TCP-AE).
        case memoryTokens = "memory_tokens"
    }

    /// Rows that are averaged into one.
    package struct Group: Sendable, Hashable {
        /// Rows of the encoder.
        package let rows: Range<Int>
        /// What their sum is divided by.
        package let divisor: Int
    }

    /// Rows of the encoder that hold tokens.
    struct TextRows: Sendable, Hashable {
        let rows: Range<Int>
        /// Which of all contexts' tokens.
        let tokens: Range<Int>
    }

    /// Rows of the encoder: one sequence for each segment.
    package let encoder: SequenceLayout
    /// Rows of the merged states and of the soft tokens: one sequence for each segment.
    package let merged: SequenceLayout
    /// The group of every merged row.
    package let groups: [Group]
    /// The soft tokens of each context: rows of `merged`.
    package let softTokens: [Range<Int>]
    let textRows: [TextRows]
    /// Rows of the encoder that hold memory tokens: for each segment the first ones of the table.
    let memoryRows: [Range<Int>]

    /// Cuts contexts into groups. Throws when one has no tokens, a rate below 1, or keeps no group.
    package init(
        _ contexts: [Context], remainder: Remainder = .mean, merge: Merge = .mean
    ) throws(CompressionError) {
        var (groups, softTokens, mergedLengths): ([Group], [Range<Int>], [Int]) = ([], [], [])
        var (textRows, memoryRows): ([TextRows], [Range<Int>]) = ([], [])
        var (row, token) = (0, 0)
        for (sample, context) in contexts.enumerated() {
            try Self.check(context, sample)
            let first = groups.count
            for length in context.segments where length > 0 {
                let text = row..<row + length
                let cut = Self.groups(of: text, size: context.groupSize, remainder)
                let memory = text.upperBound..<text.upperBound + (merge == .mean ? 0 : cut.count)
                groups += merge == .mean ? cut : memory.map { Group(rows: $0..<$0 + 1, divisor: 1) }
                mergedLengths.append(cut.count)
                textRows.append(TextRows(rows: text, tokens: token..<token + length))
                memoryRows.append(memory)
                (row, token) = (memory.upperBound, token + length)
            }
            guard groups.count > first else {
                throw .nothingKept(
                    sample: sample, length: context.segments.reduce(0, +), groupSize: context.groupSize)
            }
            softTokens.append(first..<groups.count)
        }
        self.groups = groups
        self.softTokens = softTokens
        self.textRows = textRows
        self.memoryRows = merge == .mean ? [] : memoryRows
        encoder = SequenceLayout(lengths: zip(textRows, memoryRows).map { $0.rows.count + $1.count })
        merged = SequenceLayout(lengths: mergedLengths)
    }

    /// Throws unless every segment fits into a model's positions.
    package func check(contextLength: Int) throws(CompressionError) {
        let longest = encoder.segments.map(\.tokens.count).max() ?? 0
        if longest > contextLength { throw .contextTooLong(length: longest, limit: contextLength) }
    }

    /// The most memory tokens of a segment: rows of the table that are read.
    package var memoryTokenCount: Int { memoryRows.map(\.count).max() ?? 0 }

    private static func check(_ context: Context, _ sample: Int) throws(CompressionError) {
        guard context.segments.contains(where: { $0 > 0 }) else { throw .emptyContext(sample: sample) }
        guard context.groupSize >= 1 else {
            throw .groupSizeOutOfRange(sample: sample, found: context.groupSize)
        }
    }

    private static func groups(of rows: Range<Int>, size: Int, _ remainder: Remainder) -> [Group] {
        stride(from: rows.lowerBound, to: rows.upperBound, by: size).compactMap { start in
            let members = start..<min(start + size, rows.upperBound)
            switch remainder {
            case .mean: return Group(rows: members, divisor: members.count)
            case .drop: return members.count == size ? Group(rows: members, divisor: size) : nil
            case .pad: return Group(rows: members, divisor: size)
            }
        }
    }
}
