/// How well a text was written again, token by token.
package struct RestorationScore: Sendable, Equatable {
    /// Length of the longest common prefix, as a part of the reference's length: 128 of 512 tokens and then an error
    /// is 0.25 (GMSA's "prefix exact match").
    package let prefixMatch: Double
    /// Whether every token and nothing else was written.
    package let isExact: Bool
    /// BLEU-4 of the words, as `BLEU.sentence` counts it.
    package let bleu: Double

    /// - Parameters:
    ///   - produced: free-running output, its end token left out.
    ///   - reference: the tokens of the text, not empty.
    ///   - text: the words of some tokens, for BLEU.
    package init(_ produced: [Int32], reference: [Int32], text: ([Int32]) -> String) {
        prefixMatch = Self.prefixMatch(produced, reference: reference)
        isExact = produced == reference
        bleu = BLEU.sentence(text(produced), reference: text(reference))
    }

    /// Part of `reference` that `produced` begins with; 1 for an empty reference.
    package static func prefixMatch(_ produced: [Int32], reference: [Int32]) -> Double {
        guard !reference.isEmpty else { return 1 }
        let equal = zip(produced, reference).prefix { $0 == $1 }.count
        return Double(equal) / Double(reference.count)
    }
}
