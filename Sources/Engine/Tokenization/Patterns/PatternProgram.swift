/// A pattern as a machine of numbered states: Thompson's construction with priorities.
struct PatternProgram: Sendable {
    enum State: Sendable {
        /// Consumes a character of a set.
        case consume(set: Int, next: Int)
        /// Prefers `first`; takes `second` when `first` cannot lead to a match.
        case split(first: Int, second: Int)
        /// Looks at the next character without consuming it. The end of the text is in no set.
        case look(set: Int, isNegative: Bool, next: Int)
        /// Holds before a line feed and at the end of the text.
        case lineEnd(next: Int)
        case accept
    }

    private(set) var states: [State] = [.accept]
    private(set) var sets: [ScalarSet] = []
    private(set) var start = 0
    private var setNumbers: [ScalarSet: Int] = [:]

    static let maximumStateCount = 2_000

    init(_ node: PatternNode) throws(PatternError) {
        if node.isNullable {
            throw PatternError(found: "a pattern that matches the empty text", expected: "one that consumes text")
        }
        _ = number(of: .newline)
        start = try add(node, before: 0)
    }

    /// The number of the set that holds the line feed alone.
    var newlineSet: Int { 0 }

    /// Adds the states of `node` that lead to the state `next`; returns the entry.
    private mutating func add(_ node: PatternNode, before next: Int) throws(PatternError) -> Int {
        switch node {
        case .empty: return next
        case .set(let set): return try append(.consume(set: number(of: set), next: next))
        case .lookahead(let set, let isNegative):
            return try append(.look(set: number(of: set), isNegative: isNegative, next: next))
        case .lineEnd: return try append(.lineEnd(next: next))
        case .concatenation(let nodes):
            var entry = next
            for node in nodes.reversed() { entry = try add(node, before: entry) }
            return entry
        case .alternation(let branches):
            var entry = try add(branches[branches.count - 1], before: next)
            for branch in branches.dropLast().reversed() {
                let first = try add(branch, before: next)
                entry = try append(.split(first: first, second: entry))
            }
            return entry
        case .repetition(let body, let minimum, let maximum, let isGreedy):
            return try addRepetition(body, minimum, maximum, isGreedy, before: next)
        }
    }

    private mutating func addRepetition(
        _ body: PatternNode, _ minimum: Int, _ maximum: Int?, _ isGreedy: Bool, before next: Int
    ) throws(PatternError) -> Int {
        var entry = next
        if let maximum {
            for _ in minimum..<max(maximum, minimum) {
                let first = try add(body, before: entry)
                entry = try append(isGreedy ? .split(first: first, second: next) : .split(first: next, second: first))
            }
        } else {
            let loop = try append(.accept)
            let first = try add(body, before: loop)
            states[loop] = isGreedy ? .split(first: first, second: next) : .split(first: next, second: first)
            entry = loop
        }
        for _ in 0..<minimum { entry = try add(body, before: entry) }
        return entry
    }

    private mutating func append(_ state: State) throws(PatternError) -> Int {
        guard states.count < Self.maximumStateCount else {
            throw PatternError(found: "a pattern that is too long", expected: "fewer or smaller repetitions")
        }
        states.append(state)
        return states.count - 1
    }

    private mutating func number(of set: ScalarSet) -> Int {
        if let known = setNumbers[set] { return known }
        setNumbers[set] = sets.count
        sets.append(set)
        return sets.count - 1
    }
}
