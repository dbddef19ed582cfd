package import Datasets
package import Transformer

/// The pairs of one microbatch laid out for the model, and where each response's scores are.
package struct PreferenceBatch {
    /// One pair in it.
    package struct Pair {
        package let chosen: Response
        package let rejected: Response
        package let anchor: Response?
    }

    /// One response: its rows, and its entries among the targets.
    package struct Response {
        package let promptRows: Range<Int>
        package let tokenRows: Range<Int>
        package let scores: Range<Int>
    }

    package let packed: PackedTrees
    package let targets: HeadTargets
    package let pairs: [Pair]
    /// Whether both responses of a pair continue the same rows.
    package let sharesPrompts: Bool

    /// The rows of all chosen and rejected responses, where they are consecutive: prompts lie before them, anchors
    /// behind them. Nil where prompts are repeated.
    package var responseRows: RowWindow? {
        guard sharesPrompts, let first = pairs.first, let last = pairs.last else { return nil }
        return RowWindow(first.chosen.tokenRows.lowerBound..<last.rejected.tokenRows.upperBound, of: packed.layout)
    }

    /// - Parameter anchors: one for each pair, or none at all.
    package init(_ pairs: [EncodedPair], anchors: [Anchor]? = nil, sharesPrompts: Bool) {
        let trees = pairs.enumerated().map { index, pair in
            PromptTree(
                prompt: pair.prompt,
                branches: [pair.chosen, pair.rejected] + (anchors?[index].ownBranch.map { [$0] } ?? []))
        }
        let packed = PackedTrees(trees, order: sharesPrompts ? .levels : .branches)
        self.sharesPrompts = sharesPrompts
        var rows = packed.headRows
        var ids = packed.targets
        let placed: [Pair] = packed.branches.enumerated().map { index, branches in
            let responses = branches.map {
                Response(promptRows: $0.promptRows, tokenRows: $0.tokenRows, scores: $0.scores)
            }
            var anchor = responses.count > 2 ? responses[2] : nil
            if let along = anchors?[index].alongChosen {
                // The same rows that predict the chosen tokens, asked for other tokens.
                let start = ids.count
                rows += packed.headRows[responses[0].scores].prefix(along.count)
                ids += along
                anchor = Response(
                    promptRows: responses[0].promptRows, tokenRows: responses[0].tokenRows, scores: start..<ids.count)
            }
            return Pair(chosen: responses[0], rejected: responses[1], anchor: anchor)
        }
        self.packed = packed
        self.pairs = placed
        targets = HeadTargets(rows: rows, ids: ids)
    }
}

/// The tokens of an anchor, sampled from the policy.
package struct Anchor: Sendable, Equatable {
    package let tokens: [Int32]
    /// Each token was sampled after the chosen tokens before it, instead of after the anchor's own.
    package let followsChosen: Bool

    package init(tokens: [Int32], followsChosen: Bool) {
        self.tokens = tokens
        self.followsChosen = followsChosen
    }

    var ownBranch: [Int32]? { followsChosen ? nil : tokens }
    var alongChosen: [Int32]? { followsChosen ? tokens : nil }
}
