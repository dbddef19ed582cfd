/// Explores every state the backward automaton can be in.
struct PatternAutomaton: Sendable {
    let program: PatternProgram
    let signatures: [UInt64]
    private(set) var transitions: [UInt16] = []
    private(set) var choices: [Int16] = []
    private(set) var stateCount = 0

    /// One bit for every state of the program that can still lead to a match.
    private typealias Viable = [UInt64]
    private var known: [Viable: UInt16] = [:]
    private var order: [Viable] = []

    init(program: PatternProgram, signatures: [UInt64]) {
        self.program = program
        self.signatures = signatures
    }

    mutating func explore() throws(PatternError) {
        _ = try number(of: viable(before: nil, then: nil))
        var next = 0
        var work = 0
        while next < order.count {
            work += signatures.count * program.states.count
            guard work <= Pattern.maximumCompilationWork else {
                throw PatternError(
                    found: "a pattern that takes more than \(Pattern.maximumCompilationWork) steps to compile",
                    expected: "a pattern with fewer or smaller repetitions")
            }
            for signature in signatures {
                transitions.append(try number(of: viable(before: signature, then: order[next])))
            }
            next += 1
        }
        stateCount = order.count
        fillChoices()
    }

    private mutating func number(of viable: Viable) throws(PatternError) -> UInt16 {
        if let number = known[viable] { return number }
        guard order.count < Pattern.maximumAutomatonSize else {
            throw PatternError(
                found: "a pattern whose automaton has more than \(Pattern.maximumAutomatonSize) states",
                expected: "a pattern with fewer overlapping repetitions")
        }
        known[viable] = UInt16(order.count)
        order.append(viable)
        return UInt16(order.count - 1)
    }

    /// The viable states before a character of a class (nil: the end of the text), given those after it.
    private func viable(before signature: UInt64?, then after: Viable?) -> Viable {
        var result = Viable(repeating: 0, count: (program.states.count + 63) / 64)
        var isDone = [Bool](repeating: false, count: program.states.count)
        func visit(_ state: Int) -> Bool {
            if isDone[state] { return result[state / 64] >> (state % 64) & 1 == 1 }
            isDone[state] = true
            let isViable =
                switch program.states[state] {
                case .accept: true
                case .consume(let set, let next):
                    signature.map { $0 >> set & 1 == 1 } ?? false
                        && after.map { $0[next / 64] >> (next % 64) & 1 == 1 } ?? false
                case .split(let first, let second):
                    visit(first) || visit(second)
                case .look(let set, let isNegative, let next):
                    visit(next) && ((signature.map { $0 >> set & 1 == 1 } ?? false) != isNegative)
                case .lineEnd(let next):
                    visit(next) && (signature.map { $0 >> program.newlineSet & 1 == 1 } ?? true)
                }
            if isViable { result[state / 64] |= 1 << (state % 64) }
            return isViable
        }
        for state in program.states.indices { _ = visit(state) }
        return result
    }

    /// Resolves the choice made after every consuming state in every automaton state.
    private mutating func fillChoices() {
        var consumers: [Int: Int16] = [:]
        var entries = [program.start]
        for (index, state) in program.states.enumerated() {
            guard case .consume(_, let next) = state else { continue }
            consumers[index] = Int16(entries.count - 1)
            entries.append(next)
        }
        for entry in entries {
            for viable in order { choices.append(resolve(entry, viable, consumers)) }
        }
    }

    private func resolve(_ entry: Int, _ viable: Viable, _ consumers: [Int: Int16]) -> Int16 {
        func isViable(_ state: Int) -> Bool { viable[state / 64] >> (state % 64) & 1 == 1 }
        guard isViable(entry) else { return -1 }
        var state = entry
        while true {
            switch program.states[state] {
            case .accept: return -2
            case .consume: return consumers[state] ?? -1
            case .split(let first, let second): state = isViable(first) ? first : second
            case .look(_, _, let next), .lineEnd(let next): state = next
            }
        }
    }
}
