package import Compute

/// Several prompt trees laid end to end for one forward pass, and which rows predict which tokens.
package struct PackedTrees: Sendable {
    /// Where one branch lies.
    package struct Branch: Sendable, Hashable {
        /// Rows of the prompt that it continues.
        package let promptRows: Range<Int>
        /// Rows of its own tokens; the last of them predicts what would come after the final token.
        package let tokenRows: Range<Int>
        /// Its entries in `headRows` and `targets`, one for each of its tokens.
        package let scores: Range<Int>
    }

    /// Token ids of all rows.
    package let ids: [Int32]
    /// Who sees whom.
    package let layout: SequenceLayout
    /// The rows that predict a response token, branch by branch. The last prompt row stands there once for each branch
    /// that continues it.
    package let headRows: [Int32]
    /// The token that each of `headRows` predicts.
    package let targets: [Int32]
    /// The branches of each tree, in the order of its responses.
    package let branches: [[Branch]]

    /// Packs trees; with `sharesPrompts` a prompt's rows exist once for all of its branches, otherwise once for each.
    package init(_ trees: [PromptTree], sharesPrompts: Bool = true) {
        var builder = Builder()
        for tree in trees { builder.add(tree, sharesPrompts: sharesPrompts) }
        ids = builder.ids
        headRows = builder.headRows
        targets = builder.targets
        branches = builder.branches
        layout =
            sharesPrompts
            ? .sharedPrompt(trees.map { (prompt: $0.prompt.count, branches: $0.branches.map(\.count)) })
            : SequenceLayout(lengths: trees.flatMap { tree in tree.branches.map { tree.prompt.count + $0.count } })
    }

    private struct Builder {
        var ids: [Int32] = []
        var headRows: [Int32] = []
        var targets: [Int32] = []
        var branches: [[Branch]] = []

        mutating func add(_ tree: PromptTree, sharesPrompts: Bool) {
            var placed: [Branch] = []
            var promptRows = 0..<0
            for (index, branch) in tree.branches.enumerated() {
                if index == 0 || !sharesPrompts { promptRows = append(tree.prompt) }
                placed.append(place(branch, after: promptRows))
            }
            branches.append(placed)
        }

        private mutating func place(_ branch: [Int32], after promptRows: Range<Int>) -> Branch {
            let tokenRows = append(branch)
            let first = headRows.count
            if !branch.isEmpty {
                headRows.append(Int32(promptRows.upperBound - 1))
                headRows += tokenRows.dropLast().map { Int32($0) }
                targets += branch
            }
            return Branch(promptRows: promptRows, tokenRows: tokenRows, scores: first..<headRows.count)
        }

        private mutating func append(_ tokens: [Int32]) -> Range<Int> {
            let start = ids.count
            ids += tokens
            return start..<ids.count
        }
    }
}
