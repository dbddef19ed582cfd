import ContextCompression
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Measures of restored texts and of answers, against values computed by hand.
@Suite struct EvaluationMeasureTests {
    @Test(arguments: [
        ([1, 2, 3, 4], [1, 2, 3, 4], 1.0), ([1, 2, 9, 4], [1, 2, 3, 4], 0.5), ([9, 2, 3], [1, 2, 3], 0),
        ([], [1, 2], 0), ([1, 2, 3, 4, 5], [1, 2], 1), ([1], [1, 2, 3, 4], 0.25), ([], [], 1),
    ] as [([Int32], [Int32], Double)])
    func prefix(_ produced: [Int32], _ reference: [Int32], _ expected: Double) {
        #expect(RestorationScore.prefixMatch(produced, reference: reference) == expected)
    }

    @Test func restoration() {
        let words = { (ids: [Int32]) in ids.map { "w\($0)" }.joined(separator: " ") }
        let same = RestorationScore([1, 2, 3, 4], reference: [1, 2, 3, 4], text: words)
        #expect(same.isExact && same.prefixMatch == 1 && abs(same.bleu - 1) < 1e-12)
        let longer = RestorationScore([1, 2, 3, 4, 5], reference: [1, 2, 3, 4], text: words)
        #expect(!longer.isExact && longer.prefixMatch == 1)
        // 4/5 · 3/4 · 2/3 · 1/2 = 1/5, no penalty for a longer text.
        #expect(abs(longer.bleu - pow(0.2, 0.25)) < 1e-12)
    }

    @Test func bleuCountsAsNLTKDoes() {
        // Matches: all 6 words, 2 of 5 pairs, none longer; the reference has 7 words, the output 6.
        let found = BLEU.sentence("the cat sat on a mat", reference: "the cat is sat on mat a")
        let precisions: [Double] = [1, 0.4, 0.1 / 4, 0.1 / 3]
        let mean = pow(precisions.reduce(1, *), 0.25)
        let penalty: Double = exp(-1.0 / 6)
        #expect(abs(found - penalty * mean) < 1e-12)
    }

    @Test func bleuAtTheEdges() {
        #expect(BLEU.sentence("", reference: "a b c d") == 0)
        #expect(BLEU.sentence("x y", reference: "a b c d") == 0)
        #expect(BLEU.sentence("a b", reference: "") == 0)
        let repeated = pow(0.0005 / 3, 0.25)
        // A repeated word counts as often as the reference has it: 1/3, then smoothed 0.1/2, 0.1/1, 0.1/1.
        #expect(abs(BLEU.sentence("a a a", reference: "a b") - repeated) < 1e-12)
        // White space of any kind parts words.
        #expect(abs(BLEU.sentence("a\tb\n c  d", reference: "a b c d") - 1) < 1e-12)
    }

    @Test(arguments: [
        ("The  Eiffel Tower!", "eiffel tower"), ("An apple, a pear", "apple pear"), ("U.S.A.", "usa"),
        ("anthem of theatre", "anthem of theatre"), ("  ", ""), ("\u{C9}COLE's", "\u{E9}coles"),
    ]) func normalization(_ raw: String, _ expected: String) {
        #expect(NormalizedAnswer(raw).text == expected)
    }

    @Test func answers() {
        let exact = AnswerScore("The Paris.", references: ["Lyon", "paris"])
        #expect(exact.exactMatch == 1 && exact.f1 == 1 && exact.firstF1 == 0 && exact.substring == 1)
        // Common words: in, paris; precision 2/4, recall 2/3.
        let part = AnswerScore("it is in Paris", references: ["in Paris France"])
        #expect(part.exactMatch == 0 && part.substring == 0)
        #expect(abs(part.f1 - 4.0 / 7) < 1e-12 && part.firstF1 == part.f1)
        let long = AnswerScore("I think it is Paris today", references: ["Paris"])
        #expect(long.exactMatch == 0 && long.substring == 1)
        #expect(abs(long.f1 - 2.0 / 7) < 1e-12)
        #expect(AnswerScore("anything", references: []) == AnswerScore("", references: ["x"]))
    }

    @Test func yesAndNoMustBeTheWholeAnswer() {
        let wordy = AnswerScore("yes it is", references: ["yes"])
        #expect(wordy.firstF1 == 0)
        #expect(wordy.f1 == 0.5)
        #expect(AnswerScore("Yes!", references: ["yes"]).firstF1 == 1)
        #expect(AnswerScore("no", references: ["no way"]).firstF1 == 0)
    }

    @Test func repeatedWordsCountOnce() {
        let score = AnswerScore("paris paris paris", references: ["paris"])
        #expect(abs(score.f1 - 0.5) < 1e-12)
    }
}
