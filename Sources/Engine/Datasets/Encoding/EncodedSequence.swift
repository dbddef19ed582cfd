/// One sequence for language-model training.
package struct EncodedSequence: Sendable, Equatable {
    /// All tokens.
    package let ids: [Int32]
    /// The tokens that are trained: ascending ranges, none empty, from 1 on, since something has to predict them.
    package let trained: [Range<Int>]

    /// A sequence that is trained in parts.
    package init(ids: [Int32], trained: [Range<Int>]) {
        let isAscending = zip(trained, trained.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }
        precondition(
            !trained.isEmpty && trained[0].lowerBound >= 1 && trained[trained.count - 1].upperBound <= ids.count
                && isAscending && trained.allSatisfy { !$0.isEmpty },
            "a sequence trains at least one token it can predict")
        self.ids = ids
        self.trained = trained
    }

    /// A sequence that is trained from one token on to its end.
    package init(ids: [Int32], lossStart: Int) {
        self.init(ids: ids, trained: [lossStart..<ids.count])
    }

    /// Index of the first token that is trained, at least 1.
    package var lossStart: Int { trained[0].lowerBound }

    /// Number of tokens that are trained.
    package var targetCount: Int { trained.reduce(0) { $0 + $1.count } }

    /// The same tokens, all of them trained but the first.
    package var trainingAll: EncodedSequence { EncodedSequence(ids: ids, lossStart: 1) }

    /// The example as people can check it: which tokens carry loss, special tokens written out.
    package func description(_ codec: TextCodec) -> String {
        var parts: [String] = []
        var end = 0
        func add(_ word: String, _ range: Range<Int>) {
            guard !range.isEmpty else { return }
            parts.append("\(word), \(range.count) tokens:\n\(codec.decode(Array(ids[range])))")
        }
        for range in trained {
            add("no loss", end..<range.lowerBound)
            add("trained", range)
            end = range.upperBound
        }
        add("no loss", end..<ids.count)
        return parts.joined(separator: "\n")
    }
}
