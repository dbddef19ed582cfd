/// Reads the regular expressions of tokenizer files, in Oniguruma's syntax.
///
/// A construct outside the subset is an error that names it, never a different match.
struct PatternParser: Sendable {
    private let scalars: [UInt32]
    private var position = 0
    private var depth = 0

    /// Larger repetition counts are refused.
    static let maximumCount = 256
    /// Deeper nesting of groups is refused.
    static let maximumDepth = 32
    /// Longer patterns are refused; those in use have fewer than a thousand characters.
    static let maximumLength = 8_192
    /// More quantifiers of one quantified part, one behind the other, are refused.
    static let maximumQuantifierCount = 4

    static func parse(_ pattern: String) throws(PatternError) -> PatternNode {
        var parser = PatternParser(scalars: pattern.unicodeScalars.map(\.value))
        guard parser.scalars.count <= maximumLength else {
            throw PatternError(
                found: "a pattern of \(parser.scalars.count) characters", expected: "at most \(maximumLength)")
        }
        let node = try parser.alternation(ignoresCase: false)
        if parser.peek != nil { throw parser.fault("an unmatched ')'", "balanced groups") }
        return node
    }

    private init(scalars: [UInt32]) {
        self.scalars = scalars
    }

    // MARK: Structure

    private mutating func alternation(ignoresCase: Bool) throws(PatternError) -> PatternNode {
        var branches = [try concatenation(ignoresCase: ignoresCase)]
        while accept("|") { branches.append(try concatenation(ignoresCase: ignoresCase)) }
        return branches.count == 1 ? branches[0] : .alternation(branches)
    }

    private mutating func concatenation(ignoresCase: Bool) throws(PatternError) -> PatternNode {
        var nodes: [PatternNode] = []
        while let next = peek, next != "|", next != ")" {
            let atom = try atom(ignoresCase: ignoresCase)
            nodes.append(try quantified(atom))
        }
        return nodes.count == 1 ? nodes[0] : nodes.isEmpty ? .empty : .concatenation(nodes)
    }

    private mutating func atom(ignoresCase: Bool) throws(PatternError) -> PatternNode {
        let start = position
        let character = take()
        switch character {
        case "(": return try group(ignoresCase: ignoresCase)
        case "[": return .set(try bracket(ignoresCase: ignoresCase))
        case ".": return .set(.anyButNewline)
        case "$": return .lineEnd
        case "\\":
            let set = try PatternEscape.read(from: scalars, at: &position, inBracket: false)
            return .set(ignoresCase ? try folded(set, at: start) : set)
        case "^": throw fault("'^'", "patterns without a look backwards", at: start)
        case "*", "+", "?": throw fault("a quantifier with nothing before it", "a character first", at: start)
        default:
            let set = ScalarSet(scalar: scalars[start])
            return .set(ignoresCase ? try folded(set, at: start) : set)
        }
    }

    private mutating func group(ignoresCase: Bool) throws(PatternError) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth { throw fault("deeper nesting", "at most \(Self.maximumDepth) groups") }
        let start = position - 1
        var node: PatternNode
        if !accept("?") {
            node = try alternation(ignoresCase: ignoresCase)
        } else if accept(":") {
            node = try alternation(ignoresCase: ignoresCase)
        } else if accept("i") {
            guard accept(":") else { throw fault("a group option", "(?i:…), (?:…), (?=…) or (?!…)", at: start) }
            node = try alternation(ignoresCase: true)
        } else if let sign = peek, sign == "=" || sign == "!" {
            position += 1
            guard case .set(let set) = try alternation(ignoresCase: ignoresCase) else {
                throw fault("a lookahead of more than one character", "(?!\\S) or another single set", at: start)
            }
            node = .lookahead(set, isNegative: sign == "!")
        } else {
            throw fault("a special group", "(?i:…), (?:…), (?=…) or (?!…)", at: start)
        }
        guard accept(")") else { throw fault("a group that does not end", "a ')'", at: start) }
        return node
    }

    // MARK: Quantifiers

    private mutating func quantified(_ atom: PatternNode) throws(PatternError) -> PatternNode {
        var node = atom
        var count = 0
        while let (minimum, maximum, isInterval) = try quantifier() {
            let start = position - 1
            count += 1
            if count > Self.maximumQuantifierCount {
                throw fault("quantifiers upon quantifiers", "at most \(Self.maximumQuantifierCount)", at: start)
            }
            if case .lookahead = node { throw fault("a repeated lookahead", "a character before it", at: start) }
            if node.isNullable, maximum != 1 {
                throw fault("a repetition of something that can be empty", "a body that consumes text", at: start)
            }
            // Oniguruma reads `{1,3}+` as a repetition of the interval, not as a possessive one.
            if !isInterval, accept("+") {
                node = try possessive(node, minimum: minimum, maximum: maximum, at: start)
            } else if accept("?") {
                if isInterval, maximum == minimum {
                    throw fault("a lazy fixed count", "the count without the '?'", at: start)
                }
                node = .repetition(node, minimum: minimum, maximum: maximum, isGreedy: false)
            } else {
                node = .repetition(node, minimum: minimum, maximum: maximum, isGreedy: true)
            }
        }
        return node
    }

    /// A possessive repetition of one set is a greedy one that must not be followed by the set.
    private func possessive(
        _ node: PatternNode, minimum: Int, maximum: Int?, at start: Int
    ) throws(PatternError) -> PatternNode {
        guard case .set(let set) = node else {
            throw fault("a possessive repetition of a group", "a single set before '++', '*+' or '?+'", at: start)
        }
        let stop = PatternNode.lookahead(set, isNegative: true)
        if maximum == 1 { return .alternation([node, stop]) }
        return .concatenation([.repetition(node, minimum: minimum, maximum: nil, isGreedy: true), stop])
    }

    private mutating func quantifier() throws(PatternError) -> (Int, Int?, isInterval: Bool)? {
        if accept("*") { return (0, nil, false) }
        if accept("+") { return (1, nil, false) }
        if accept("?") { return (0, 1, false) }
        guard peek == "{" else { return nil }
        let start = position
        position += 1
        let lower = number()
        let hasComma = accept(",")
        let upper = hasComma ? number() : lower
        guard accept("}"), lower != nil || upper != nil else {
            position = start
            throw fault("a '{' that begins no count", "{n}, {n,} or {n,m}; write \\{ for the character")
        }
        let minimum = lower ?? 0
        if max(minimum, upper ?? 0) > Self.maximumCount || upper.map({ $0 < minimum || $0 == 0 }) == true {
            throw fault("the counts \(minimum) and \(upper ?? minimum)", "rising counts up to \(Self.maximumCount)")
        }
        return (minimum, upper, true)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let character = peek, let digit = character.wholeNumberValue, character.isASCII {
            value = min((value ?? 0) * 10 + digit, Self.maximumCount + 1)
            position += 1
        }
        return value
    }

    // MARK: Bracket expressions

    private mutating func bracket(ignoresCase: Bool) throws(PatternError) -> ScalarSet {
        let start = position - 1
        let isNegated = accept("^")
        var set = ScalarSet()
        while true {
            guard let next = peek else { throw fault("a '[' that does not end", "a ']'", at: start) }
            if next == "]" { break }
            let lower = try bracketMember()
            var member = lower
            let startsRange = peek == "-" && position + 1 < scalars.count && scalars[position + 1] != 0x5D
            if startsRange {
                position += 1
                let upper = try bracketMember()
                guard let first = lower.singleScalar, let last = upper.singleScalar, first <= last else {
                    throw fault("a range without two rising ends", "a range such as a-z", at: start)
                }
                member = ScalarSet(ranges: [first...last])
            }
            set.formUnion(ignoresCase ? try folded(member, at: start) : member)
        }
        position += 1
        if set == ScalarSet() { throw fault("an empty '[]'", "at least one character", at: start) }
        return isNegated ? set.negated : set
    }

    private mutating func bracketMember() throws(PatternError) -> ScalarSet {
        let start = position
        let character = take()
        if character == "\\" { return try PatternEscape.read(from: scalars, at: &position, inBracket: true) }
        if character == "[" { throw fault("a '[' inside brackets", "\\[ for the character", at: start) }
        if character == "&", peek == "&" { throw fault("an intersection '&&'", "\\& for the character", at: start) }
        return ScalarSet(scalar: scalars[start])
    }

    // MARK: Case

    /// The set with both cases of its ASCII letters, and the two letters outside ASCII that fold to them.
    private func folded(_ set: ScalarSet, at start: Int) throws(PatternError) -> ScalarSet {
        var result = set
        for range in set.ranges {
            guard range.upperBound < 0x80 else {
                throw fault("a letter outside ASCII in (?i:…)", "ASCII letters", at: start)
            }
            for value in range {
                let lower = value | 0x20
                guard (0x61...0x7A).contains(lower) else { continue }
                result.ranges += [lower...lower, (lower - 0x20)...(lower - 0x20)]
                if lower == 0x73 { result.ranges.append(0x17F...0x17F) }
                if lower == 0x6B { result.ranges.append(0x212A...0x212A) }
            }
        }
        return result
    }

    // MARK: Characters

    private var peek: Character? {
        guard position < scalars.count, let scalar = Unicode.Scalar(scalars[position]) else { return nil }
        return Character(scalar)
    }

    private mutating func take() -> Character? {
        defer { position += 1 }
        return peek
    }

    private mutating func accept(_ character: Character) -> Bool {
        guard peek == character else { return false }
        position += 1
        return true
    }

    private func fault(_ found: String, _ expected: String, at index: Int? = nil) -> PatternError {
        PatternError(found: "\(found) at character \((index ?? position) + 1)", expected: expected)
    }
}

extension ScalarSet {
    /// The one scalar of this set, or nil when it is of another form.
    var singleScalar: UInt32? {
        guard self == ScalarSet(scalar: ranges.first?.lowerBound ?? 0), ranges.count == 1 else { return nil }
        return ranges[0].lowerBound
    }
}
