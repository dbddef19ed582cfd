import Compute
import ContextCompression
import TestSupport
import Testing

/// Which rows become one, and the mean of them.
@Suite struct GroupMergeTests {
    private let context: Context

    init() throws {
        context = Context(arena: try Arena(byteCount: 1 << 16), team: try ThreadTeam(threads: 2))
    }

    private func column(_ values: [Double]) -> Matrix {
        let matrix = context.arena.matrix(values.count, 1)
        for (row, value) in values.enumerated() { matrix[row, 0] = Real(value) }
        return matrix
    }

    private func merged(_ states: [Double], _ layout: GroupLayout) -> [Double] {
        let result = column(Array(repeating: .nan, count: layout.groups.count))
        GroupMerge.forward(column(states), layout.groups, into: result, context)
        return result.doubles
    }

    private func stateGradient(_ gradient: [Double], _ layout: GroupLayout) -> [Double] {
        let result = column(Array(repeating: 0, count: layout.encoder.tokenCount))
        GroupMerge.backward(column(gradient), layout.groups, stateGradient: result, context)
        return result.doubles
    }

    private let ten = (1...10).map(Double.init)

    @Test func shortLastGroupIsDividedByItsOwnLength() throws {
        let layout = try GroupLayout([GroupLayout.Context(segments: [10], groupSize: 4)])
        #expect(merged(ten, layout) == [2.5, 6.5, 9.5])
        #expect(stateGradient([4, 8, 2], layout) == [1, 1, 1, 1, 2, 2, 2, 2, 1, 1])
    }

    @Test func remainderIsDropped() throws {
        let layout = try GroupLayout([GroupLayout.Context(segments: [10], groupSize: 4)], remainder: .drop)
        #expect(merged(ten, layout) == [2.5, 6.5])
        #expect(stateGradient([4, 8], layout) == [1, 1, 1, 1, 2, 2, 2, 2, 0, 0])
    }

    @Test func remainderIsPadded() throws {
        let layout = try GroupLayout([GroupLayout.Context(segments: [10], groupSize: 4)], remainder: .pad)
        #expect(merged(ten, layout) == [2.5, 6.5, 4.75])
        #expect(stateGradient([4, 8, 2], layout) == [1, 1, 1, 1, 2, 2, 2, 2, 0.5, 0.5])
    }

    @Test func everySegmentIsGroupedFromItsFirstToken() throws {
        let layout = try GroupLayout([
            GroupLayout.Context(segments: [3, 2], groupSize: 2), GroupLayout.Context(segments: [5], groupSize: 8),
        ])
        #expect(layout.groups.map(\.rows) == [0..<2, 2..<3, 3..<5, 5..<10])
        #expect(layout.softTokens == [0..<3, 3..<4])
        #expect(layout.encoder.segments.map(\.tokens) == [0..<3, 3..<5, 5..<10])
        #expect(layout.merged.positions == [0, 1, 0, 0])
    }

    @Test(arguments: 1...9, 1...5) func groupCountIsRoundedUp(_ length: Int, _ groupSize: Int) throws {
        let layout = try GroupLayout([GroupLayout.Context(segments: [length], groupSize: groupSize)])
        #expect(layout.groups.count == (length + groupSize - 1) / groupSize)
        #expect(layout.groups.flatMap(\.rows) == Array(0..<length))
    }

    @Test func refusals() {
        let fine = GroupLayout.Context(segments: [2], groupSize: 1)
        #expect(throws: CompressionError.emptyContext(sample: 1)) {
            try GroupLayout([fine, GroupLayout.Context(segments: [0], groupSize: 4)])
        }
        #expect(throws: CompressionError.emptyContext(sample: 0)) {
            try GroupLayout([GroupLayout.Context(segments: [], groupSize: 4)])
        }
        #expect(throws: CompressionError.groupSizeOutOfRange(sample: 0, found: 0)) {
            try GroupLayout([GroupLayout.Context(segments: [3], groupSize: 0)])
        }
        #expect(throws: CompressionError.nothingKept(sample: 0, length: 3, groupSize: 4)) {
            try GroupLayout([GroupLayout.Context(segments: [3], groupSize: 4)], remainder: .drop)
        }
    }
}
