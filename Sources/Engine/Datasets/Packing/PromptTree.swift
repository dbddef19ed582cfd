/// A prompt with the responses that branch off from it: a pair, or a pair with an anchor.
package struct PromptTree: Sendable, Equatable {
    /// The prompt; never empty.
    package let prompt: [Int32]
    /// The responses, in the order in which their scores are wanted.
    package let branches: [[Int32]]

    /// A tree.
    package init(prompt: [Int32], branches: [[Int32]]) {
        precondition(!prompt.isEmpty, "something has to predict the first token of a branch")
        self.prompt = prompt
        self.branches = branches
    }

    /// The two responses of a pair, chosen first.
    package init(_ pair: EncodedPair) {
        self.init(prompt: pair.prompt, branches: [pair.chosen, pair.rejected])
    }

    /// Rows that the tree takes when its branches share the prompt.
    package var sharedLength: Int { branches.reduce(prompt.count) { $0 + $1.count } }
}
