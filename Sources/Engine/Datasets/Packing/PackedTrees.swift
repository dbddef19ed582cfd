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

    /// In which order the rows of several trees lie.
    package enum Order: Sendable {
        /// One tree after the other, its prompt once for all of its branches.
        case trees
        /// All prompts, each once, then the first branches of all trees, then the second ones: branches of a kind are
        /// consecutive rows.
        case levels
        /// One branch after the other, each behind its own copy of its prompt.
        case branches
    }

    /// Packs trees.
    package init(_ trees: [PromptTree], order: Order = .trees) {
        let lengths = trees.map { (prompt: $0.prompt.count, branches: $0.branches.map(\.count)) }
        var builder = Builder()
        switch order {
        case .trees:
            layout = .sharedPrompt(lengths)
            for tree in trees { builder.add(tree, sharesPrompts: true) }
        case .levels:
            layout = .sharedPromptByLevel(lengths)
            builder.addByLevel(trees)
        case .branches:
            layout = SequenceLayout(lengths: lengths.flatMap { tree in tree.branches.map { tree.prompt + $0 } })
            for tree in trees { builder.add(tree, sharesPrompts: false) }
        }
        ids = builder.ids
        headRows = builder.headRows
        targets = builder.targets
        branches = builder.branches
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

        mutating func addByLevel(_ trees: [PromptTree]) {
            let prompts = trees.map { append($0.prompt) }
            branches = trees.map { _ in [] }
            for level in 0..<(trees.map(\.branches.count).max() ?? 0) {
                for (index, tree) in trees.enumerated() where level < tree.branches.count {
                    branches[index].append(place(tree.branches[level], after: prompts[index]))
                }
            }
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
