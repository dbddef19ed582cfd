import Compute
import Datasets
import Testing

@Suite("Packing")
struct PackingTests {
    private let trees = [
        PromptTree(prompt: [1, 2, 3], branches: [[10, 11], [20, 21, 22]]),
        PromptTree(prompt: [4], branches: [[30], [40], [50, 51]]),
    ]

    @Test func sharedPromptStandsOnce() {
        let packed = PackedTrees(trees)
        #expect(packed.ids == [1, 2, 3, 10, 11, 20, 21, 22, 4, 30, 40, 50, 51])
        #expect(packed.layout.positions == [0, 1, 2, 3, 4, 3, 4, 5, 0, 1, 1, 1, 2])
        #expect(packed.headRows == [2, 3, 2, 5, 6, 8, 8, 8, 11])
        #expect(packed.targets == [10, 11, 20, 21, 22, 30, 40, 50, 51])
        let rejected = packed.branches[0][1]
        #expect(rejected.promptRows == 0..<3 && rejected.tokenRows == 5..<8 && rejected.scores == 2..<5)
    }

    @Test func branchesOfAKindAreConsecutiveByLevel() {
        let packed = PackedTrees(trees, order: .levels)
        #expect(packed.ids == [1, 2, 3, 4, 10, 11, 30, 20, 21, 22, 40, 50, 51])
        #expect(packed.layout.positions == [0, 1, 2, 0, 3, 4, 1, 3, 4, 5, 1, 1, 2])
        #expect(packed.headRows == [2, 4, 3, 2, 7, 8, 3, 3, 11])
        #expect(packed.branches.map { $0.map(\.tokenRows) } == [[4..<6, 7..<10], [6..<7, 10..<11, 11..<13]])
        // Attention's adjoint relies on it: spans of a tree follow each other, and share keys with no other's.
        #expect(packed.layout.trees == [0..<3, 3..<7])
        let keys = packed.layout.trees.map { tree in Set(packed.layout.spans[tree].flatMap { $0.keys.flatMap { $0 } }) }
        #expect(keys[0] == [0, 1, 2, 4, 5, 7, 8, 9] && keys[1] == [3, 6, 10, 11, 12])
    }

    @Test func repeatedPrompts() {
        let packed = PackedTrees(trees, order: .branches)
        #expect(packed.ids == [1, 2, 3, 10, 11, 1, 2, 3, 20, 21, 22, 4, 30, 4, 40, 4, 50, 51])
        #expect(packed.headRows == [2, 3, 7, 8, 9, 11, 13, 15, 16])
        #expect(packed.layout.tokenCount == packed.ids.count)
    }

    /// What a head row sees, and its position, must be the same however prompts are laid out.
    @Test(arguments: [PackedTrees.Order.trees, .levels, .branches])
    func everyScoreSeesItsPromptAndItsOwnPast(order: PackedTrees.Order) {
        let packed = PackedTrees(trees, order: order)
        for (tree, branches) in zip(trees, packed.branches) {
            for (tokens, branch) in zip(tree.branches, branches) {
                for (step, score) in branch.scores.enumerated() {
                    let row = Int(packed.headRows[score])
                    #expect(packed.targets[score] == tokens[step])
                    #expect(Int(packed.layout.positions[row]) == tree.prompt.count + step - 1)
                    #expect(context(of: row, in: packed) == tree.prompt + tokens.prefix(step))
                }
            }
        }
    }

    /// The tokens that a row attends to, itself included.
    private func context(of row: Int, in packed: PackedTrees) -> [Int32] {
        for segment in packed.layout.segments where segment.tokens.contains(row) {
            let rows = segment.prefix.flatMap { Array($0) } + Array(segment.tokens.lowerBound...row)
            return rows.map { packed.ids[$0] }
        }
        return []
    }

    @Test func sequences() {
        let packed = PackedSequences([
            EncodedSequence(ids: [1, 5, 6, 2], lossStart: 2), EncodedSequence(ids: [1, 7], lossStart: 1),
        ])
        #expect(packed.ids == [1, 5, 6, 2, 1, 7])
        #expect(packed.headRows == [1, 2, 4] && packed.targets == [6, 2, 7])
        #expect(packed.scores == [0..<2, 2..<3])
        #expect(packed.layout.positions == [0, 1, 2, 3, 0, 1])
    }

    @Test func groupsByBudget() {
        #expect(groups(ofLengths: [3, 3, 3, 9, 1, 1], budget: 6) == [0..<2, 2..<3, 3..<4, 4..<6])
        #expect(groups(ofLengths: [], budget: 6).isEmpty)
    }
}
