/// How well a question was answered: the measures of open-domain question answering over normalized words.
package struct AnswerScore: Sendable, Equatable {
    /// 1 when the normalized answer equals any normalized reference, else 0.
    package let exactMatch: Double
    /// Token F1, the largest over all references.
    package let f1: Double
    /// Token F1 with the first reference only, HotpotQA's rule for yes and no included: the rule that the published
    /// tables of GMSA must have used, since some of their EM exceed F1.
    package let firstF1: Double
    /// 1 when any normalized reference is a part of the normalized answer ("Acc", best subspan EM), else 0.
    package let substring: Double

    /// - Parameter references: gold answers; all measures are 0 without one.
    package init(_ answer: String, references: [String]) {
        let answer = NormalizedAnswer(answer)
        let gold = references.map { NormalizedAnswer($0) }
        exactMatch = gold.contains { $0.text == answer.text } ? 1 : 0
        f1 = gold.map { Self.f1(answer, $0) }.max() ?? 0
        firstF1 = gold.first.map { Self.isPolarMismatch(answer, $0) ? 0 : Self.f1(answer, $0) } ?? 0
        substring = gold.contains { $0.isContained(in: answer) } ? 1 : 0
    }

    /// 2PR / (P + R) over words with their counts; 0 without a common word.
    private static func f1(_ answer: NormalizedAnswer, _ gold: NormalizedAnswer) -> Double {
        var available: [String: Int] = [:]
        for word in gold.words { available[word, default: 0] += 1 }
        var common = 0
        for word in answer.words {
            guard let left = available[word], left > 0 else { continue }
            available[word] = left - 1
            common += 1
        }
        guard common > 0 else { return 0 }
        let (precision, recall) = (
            Double(common) / Double(answer.words.count), Double(common) / Double(gold.words.count)
        )
        return 2 * precision * recall / (precision + recall)
    }

    /// A yes, no or noanswer on one side must be the same on the other.
    private static func isPolarMismatch(_ answer: NormalizedAnswer, _ gold: NormalizedAnswer) -> Bool {
        let polar = ["yes", "no", "noanswer"]
        return answer.text != gold.text && (polar.contains(answer.text) || polar.contains(gold.text))
    }
}

/// A text in lower case, without ASCII punctuation, without the words a, an and the, its words one space apart; in this
/// order, as SQuAD's evaluation does.
package struct NormalizedAnswer: Sendable, Hashable {
    /// The words joined by spaces.
    package let text: String
    /// The words.
    package let words: [String]

    /// Normalizes a text.
    package init(_ raw: String) {
        let plain = raw.lowercased().unicodeScalars.filter { !Self.isPunctuation($0) }
        words = String(String.UnicodeScalarView(plain)).split { $0.isWhitespace }.map(String.init)
            .filter { !["a", "an", "the"].contains($0) }
        text = words.joined(separator: " ")
    }

    /// Whether every character of it stands in the other in a row. Nothing is no part of anything.
    func isContained(in other: NormalizedAnswer) -> Bool {
        !text.isEmpty && other.text.contains(text)
    }

    private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
        default: false
        }
    }
}
