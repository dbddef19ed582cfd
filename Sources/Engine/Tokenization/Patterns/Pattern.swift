/// A compiled regular expression that finds all matches of a text in time proportional to its length.
///
/// Matching makes two passes. The first goes backwards and notes for every position which states of the program can
/// still lead to a match from there (a table-driven automaton). The second goes forwards and at every choice takes the
/// first branch that the notes allow. That is exactly the match a backtracking engine would report, without ever
/// having to go back. All automaton states are built when the pattern is compiled, so that a pattern that would need
/// too many is refused by name and no text can be expensive.
struct Pattern: Sendable {
    /// The source, for messages.
    let source: String

    private let classes: ScalarClassMap
    private let classCount: Int
    /// The automaton's state at the end of a text.
    private let endState: UInt16
    /// Backward transitions: state × class.
    private let transitions: [UInt16]
    /// Forward choices: row × automaton state. Row 0 is the start; row k + 1 follows consuming state k.
    private let choices: [Int16]
    private let stateCount: Int

    private static let noMatch: Int16 = -1
    private static let accepted: Int16 = -2
    /// A pattern whose automaton is larger is refused; those in use need fewer than a hundred states.
    static let maximumAutomatonSize = 2_000
    /// A pattern is refused when building its automaton looks at more states of the program; those in use need about
    /// a million.
    static let maximumCompilationWork = 50_000_000

    /// Compiles a regular expression.
    init(_ source: String) throws(PatternError) {
        try self.init(PatternParser.parse(source), source: source)
    }

    /// Compiles a syntax tree.
    init(_ node: PatternNode, source: String) throws(PatternError) {
        let program = try PatternProgram(node)
        classes = try ScalarClassMap(program.sets)
        classCount = classes.signatures.count
        var builder = PatternAutomaton(program: program, signatures: classes.signatures)
        try builder.explore()
        transitions = builder.transitions
        choices = builder.choices
        stateCount = builder.stateCount
        endState = 0
        self.source = source
    }

    /// Matches one character of `set`.
    init(anyOf set: ScalarSet, named source: String) throws(PatternError) {
        try self.init(.set(set), source: source)
    }

    /// How bytes are read as characters.
    enum View: Sendable {
        /// UTF-8.
        case text
        /// One character of the byte-level alphabet per byte.
        case byteLevel
    }

    /// Appends all leftmost matches of `bytes[range]`, which must not cut a character in two.
    ///
    /// - Parameter notes: Working memory, reused between calls.
    /// - Returns: How often a character was looked at, in both passes together.
    @discardableResult
    func appendMatches(
        in bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, as view: View, notes: inout [UInt16],
        to matches: inout [Range<Int>]
    ) -> Int {
        guard !range.isEmpty else { return 0 }
        if notes.count <= range.count { notes = [UInt16](repeating: 0, count: range.count * 5 / 4 + 64) }
        return notes.withUnsafeMutableBufferPointer { notes in
            var steps =
                switch view {
                case .text: noteText(bytes, range, notes)
                case .byteLevel: noteBytes(bytes, range, notes)
                }
            return choices.withUnsafeBufferPointer { choices in
                var position = range.lowerBound
                while position < range.upperBound {
                    var choice = choices[Int(notes[position - range.lowerBound])]
                    if choice == Self.noMatch {
                        steps += 1
                        position += view == .text ? UTF8Text.length(lead: bytes[position]) : 1
                        continue
                    }
                    let start = position
                    while choice >= 0 {
                        steps += 1
                        position += view == .text ? UTF8Text.length(lead: bytes[position]) : 1
                        choice = choices[Int(choice + 1) * stateCount + Int(notes[position - range.lowerBound])]
                    }
                    matches.append(start..<position)
                }
                return steps
            }
        }
    }

    /// The backward pass over UTF-8; returns the number of characters.
    private func noteText(
        _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ notes: UnsafeMutableBufferPointer<UInt16>
    ) -> Int {
        transitions.withUnsafeBufferPointer { transitions in
            var steps = 0
            var state = endState
            var position = range.upperBound
            notes[range.count] = state
            while position > range.lowerBound {
                position = UTF8Text.start(ofScalarBefore: position, in: bytes)
                let kind = classes.class(of: UTF8Text.scalar(in: bytes, at: position).value)
                state = transitions[Int(state) * classCount + Int(kind)]
                notes[position - range.lowerBound] = state
                steps += 1
            }
            return steps
        }
    }

    /// The backward pass over the byte-level alphabet; returns the number of characters.
    private func noteBytes(
        _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ notes: UnsafeMutableBufferPointer<UInt16>
    ) -> Int {
        var state = endState
        notes[range.count] = state
        for position in range.reversed() {
            state = transitions[Int(state) * classCount + Int(classes.class(ofByte: bytes[position]))]
            notes[position - range.lowerBound] = state
        }
        return range.count
    }
}
