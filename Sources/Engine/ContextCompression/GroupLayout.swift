package import Compute

/// The contexts of some samples packed for the encoder, and the groups of their rows that become one soft token each.
///
/// Groups are counted from the first token of every segment, so packing and padding never shift them.
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
    }

    /// Rows that are averaged into one.
    package struct Group: Sendable, Hashable {
        /// Rows of the encoder.
        package let rows: Range<Int>
        /// What their sum is divided by.
        package let divisor: Int
    }

    /// Rows of the encoder: one sequence for each segment.
    package let encoder: SequenceLayout
    /// Rows of the merged states and of the soft tokens: one sequence for each segment.
    package let merged: SequenceLayout
    /// The group of every merged row.
    package let groups: [Group]
    /// The soft tokens of each context: rows of `merged`.
    package let softTokens: [Range<Int>]

    /// Cuts contexts into groups. Throws when one has no tokens, a rate below 1, or keeps no group.
    package init(_ contexts: [Context], remainder: Remainder = .mean) throws(CompressionError) {
        var (groups, softTokens, mergedLengths): ([Group], [Range<Int>], [Int]) = ([], [], [])
        var row = 0
        for (sample, context) in contexts.enumerated() {
            try Self.check(context, sample)
            let first = groups.count
            for length in context.segments where length > 0 {
                let cut = Self.groups(of: row..<row + length, size: context.groupSize, remainder)
                groups += cut
                mergedLengths.append(cut.count)
                row += length
            }
            guard groups.count > first else {
                throw .nothingKept(
                    sample: sample, length: context.segments.reduce(0, +), groupSize: context.groupSize)
            }
            softTokens.append(first..<groups.count)
        }
        self.groups = groups
        self.softTokens = softTokens
        encoder = SequenceLayout(lengths: contexts.flatMap(\.segments))
        merged = SequenceLayout(lengths: mergedLengths)
    }

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
