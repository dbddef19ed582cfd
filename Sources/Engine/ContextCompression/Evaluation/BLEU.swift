#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif

/// BLEU-4 of one sentence with one reference: as NLTK's `sentence_bleu` with smoothing method 1 over words between
/// white space, which is what 500xCompressor's evaluation computes.
package enum BLEU {
    /// Counted matches of an n-gram length without any.
    private static let smoothing = 0.1

    /// exp(mean of ln p₁ … ln p₄) · brevity penalty, between 0 and 1; 0 when no word is common.
    package static func sentence(_ produced: String, reference: String) -> Double {
        sentence(words(produced), reference: words(reference))
    }

    /// As above, for words.
    package static func sentence(_ produced: [Substring], reference: [Substring]) -> Double {
        guard !produced.isEmpty else { return 0 }
        var logarithms = 0.0
        for length in 1...4 {
            let (matches, total) = clippedMatches(produced, reference, length)
            if length == 1 && matches == 0 { return 0 }
            logarithms += log((matches == 0 ? smoothing : Double(matches)) / Double(max(1, total)))
        }
        return brevityPenalty(produced.count, reference.count) * exp(logarithms / 4)
    }

    private static func words(_ text: String) -> [Substring] { text.split { $0.isWhitespace } }

    /// n-grams of the output that the reference has, each at most as often as there, and all of the output's.
    private static func clippedMatches(
        _ produced: [Substring], _ reference: [Substring], _ length: Int
    ) -> (matches: Int, total: Int) {
        var available = counts(reference, length)
        let grams = ngrams(produced, length)
        var matches = 0
        for gram in grams {
            guard let left = available[gram], left > 0 else { continue }
            available[gram] = left - 1
            matches += 1
        }
        return (matches, grams.count)
    }

    private static func counts(_ words: [Substring], _ length: Int) -> [ArraySlice<Substring>: Int] {
        var counts: [ArraySlice<Substring>: Int] = [:]
        for gram in ngrams(words, length) { counts[gram, default: 0] += 1 }
        return counts
    }

    private static func ngrams(_ words: [Substring], _ length: Int) -> [ArraySlice<Substring>] {
        guard words.count >= length else { return [] }
        return (0...words.count - length).map { words[$0..<$0 + length] }
    }

    private static func brevityPenalty(_ produced: Int, _ reference: Int) -> Double {
        produced > reference ? 1 : exp(1 - Double(reference) / Double(produced))
    }
}
