/// The syntax tree of a regular expression of the subset that tokenizers use.
indirect enum PatternNode: Sendable {
    case empty
    case set(ScalarSet)
    case concatenation([PatternNode])
    case alternation([PatternNode])
    case repetition(PatternNode, minimum: Int, maximum: Int?, isGreedy: Bool)
    /// `(?=…)` or `(?!…)` of a single set of characters.
    case lookahead(ScalarSet, isNegative: Bool)
    /// `$`: the end of the text or of a line.
    case lineEnd

    /// Whether the node can match without consuming a character.
    var isNullable: Bool {
        switch self {
        case .empty, .lookahead, .lineEnd: true
        case .set: false
        case .concatenation(let nodes): nodes.allSatisfy(\.isNullable)
        case .alternation(let nodes): nodes.contains(where: \.isNullable)
        case .repetition(let node, let minimum, _, _): minimum == 0 || node.isNullable
        }
    }

    /// The characters of `text`, one after the other.
    static func literal(_ text: String) -> PatternNode {
        .concatenation(text.unicodeScalars.map { .set(ScalarSet(scalar: $0.value)) })
    }
}

/// Why a pattern cannot be used.
package struct PatternError: Error, Equatable {
    /// What stands in the pattern, and where.
    package let found: String
    /// What would be possible instead.
    package let expected: String
}
