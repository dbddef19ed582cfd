import SeededRandom
import Testing

@testable import JobModel

/// Numbers read by hand against the pattern that says what they are.
@Suite struct NumberSpellingTests {
    private static let edges = [
        "", "0", "-0", "+0", "00", "010", "7", "-7", "+7", "--7", "1.", ".5", "1.5", "-1.5e-3", "1e5", "1E+05", "1e", "1e+", "0.0",
        "0x1", "1_000", " 1", "1 ", "1.5.2", "1e5e5", "\u{661}", "1\u{301}", "∞", "1:30", "9223372036854775808",
    ]

    @Test func handAndPatternAgree() {
        var random = SplitMix64(3)
        let letters = Array("0123456789+-.eE x")
        let made = (0..<20_000).map { _ in
            String((0..<random.below(7)).map { _ in letters[Int(random.below(UInt64(letters.count)))] })
        }
        for text in Self.edges + made {
            let whole = text.wholeMatch(of: /[+-]?(0|[1-9][0-9]*)/) != nil
            let number = text.wholeMatch(of: /[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/) != nil
            #expect((NumberSpelling(text) != nil) == number, "\(text)")
            #expect((NumberSpelling(text)?.isWhole == true) == whole, "\(text)")
        }
    }
}
