/// A regular expression that has to match a whole name, as Python's `re.fullmatch` asks it.
///
/// For names of modules in adapter settings. Like every pattern it is matched without going back, so a hostile
/// expression is either refused or cheap.
package struct NamePattern: Sendable {
    private let pattern: Pattern

    /// Compiles an expression. A `^` at its start and a `$` at its end say nothing new and are accepted.
    ///
    /// - Throws: `PatternError` for a construct outside the subset, such as a look behind, and for an expression that
    ///   matches the empty name.
    package init(_ expression: String) throws(PatternError) {
        let body = expression.hasPrefix("^") ? String(expression.dropFirst()) : expression
        // Nothing may follow, which makes the match take the branch that reaches the end.
        let end = PatternNode.lookahead(.anyButNewline, isNegative: true)
        pattern = try Pattern(.concatenation([PatternParser.parse(body), end]), source: expression)
    }

    /// Whether the expression matches all of `name`.
    package func matches(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        var notes: [UInt16] = []
        var matches: [Range<Int>] = []
        bytes.withUnsafeBufferPointer {
            _ = pattern.appendMatches(in: $0, 0..<bytes.count, as: .text, notes: &notes, to: &matches)
        }
        return matches.first == 0..<bytes.count
    }
}
