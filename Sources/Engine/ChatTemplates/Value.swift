/// A value while a template runs.
indirect enum Value {
    /// A name or member that does not exist; using it for more than printing or testing is an error.
    case undefined(String)
    case none
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case list([Value])
    case mapping([(key: String, value: Value)])
    case namespace(Namespace)
    case loop(LoopState)
    case macro(Macro, Scope)
    /// A function that every template has.
    case function(String)
    /// A method of a value, before it is called.
    case method(Value, String)

    init(_ value: ChatValue) {
        switch value {
        case .null: self = .none
        case .boolean(let flag): self = .boolean(flag)
        case .integer(let number): self = .integer(number)
        case .number(let number): self = .number(number)
        case .string(let text): self = .string(text)
        case .list(let elements): self = .list(elements.map(Value.init))
        case .mapping(let members): self = .mapping(members.map { ($0.key, Value($0.value)) })
        }
    }

    /// Python's truth of a value.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .boolean(let flag): flag
        case .integer(let number): number != 0
        case .number(let number): number != 0
        case .string(let text): !text.isEmpty
        case .list(let elements): !elements.isEmpty
        case .mapping(let members): !members.isEmpty
        case .namespace, .loop, .macro, .function, .method: true
        }
    }

    /// The word a message uses for this sort of value.
    var kind: String {
        switch self {
        case .undefined(let name): "'\(name)', which is undefined"
        case .none: "none"
        case .boolean: "a truth value"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .list: "a list"
        case .mapping: "a mapping"
        case .namespace: "a namespace"
        case .loop: "a loop"
        case .macro, .function, .method: "a function"
        }
    }

    /// Looks a key up in a mapping.
    static func member(_ key: String, of members: [(key: String, value: Value)]) -> Value? {
        members.first { $0.key.utf8.elementsEqual(key.utf8) }?.value
    }

    /// Python's equality: numbers by value, strings by their characters, not by canonical equivalence.
    func equals(_ other: Value) -> Bool {
        if let a = asNumber, let b = other.asNumber { return a == b }
        switch (self, other) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let a), .string(let b)): return a.utf8.elementsEqual(b.utf8)
        case (.list(let a), .list(let b)):
            return a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
        case (.mapping(let a), .mapping(let b)):
            return a.count == b.count && a.allSatisfy { Value.member($0.key, of: b)?.equals($0.value) ?? false }
        case (.namespace(let a), .namespace(let b)): return a === b
        default: return false
        }
    }

    /// The value as a number, truth values included.
    var asNumber: Double? {
        switch self {
        case .boolean(let flag): flag ? 1 : 0
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }

    /// The value as a whole number, truth values included.
    var asInteger: Int? {
        switch self {
        case .boolean(let flag): flag ? 1 : 0
        case .integer(let number): number
        default: nil
        }
    }
}

extension Value {
    /// The most a value may weigh: elements and members, and 64 bytes of text for one.
    static let maximumWeight = 1_000_000
    /// Deeper values are refused.
    static let maximumDepth = 64

    /// Takes the weight of the value from `budget`.
    func weigh(_ budget: inout Int, depth: Int) throws(ValueError) {
        guard depth <= Self.maximumDepth else { throw ValueError("values nested \(depth) deep", .limit) }
        budget -= 1
        switch self {
        case .string(let text): budget -= text.utf8.count / 64
        case .list(let elements):
            for element in elements { try element.weigh(&budget, depth: depth + 1) }
        case .mapping(let members):
            for member in members { try member.value.weigh(&budget, depth: depth + 1) }
        case .method(let value, _): try value.weigh(&budget, depth: depth + 1)
        case .undefined, .none, .boolean, .integer, .number, .namespace, .loop, .macro, .function: break
        }
        if budget < 0 { throw ValueError("a value of more than \(Self.maximumWeight) elements", .limit) }
    }
}

/// Variables of a block; `set` writes into the innermost one.
final class Scope {
    var values: [String: Value] = [:]
    private let parent: Scope?

    init(parent: Scope?) {
        self.parent = parent
    }

    func find(_ name: String) -> Value? {
        var scope: Scope? = self
        while let current = scope {
            if let value = current.values[name] { return value }
            scope = current.parent
        }
        return nil
    }
}

/// What `namespace(…)` makes: variables that survive the block they are set in.
final class Namespace {
    var members: [(key: String, value: Value)]

    init(_ members: [(key: String, value: Value)]) {
        self.members = members
    }

    func set(_ key: String, _ value: Value) {
        if let index = members.firstIndex(where: { $0.key == key }) {
            members[index].value = value
        } else {
            members.append((key, value))
        }
    }
}

/// The variable `loop` of one round.
struct LoopState {
    let index: Int
    let elements: [Value]

    func member(_ name: String) -> Value? {
        let count = elements.count
        return switch name {
        case "index": .integer(index + 1)
        case "index0": .integer(index)
        case "revindex": .integer(count - index)
        case "revindex0": .integer(count - index - 1)
        case "first": .boolean(index == 0)
        case "last": .boolean(index == count - 1)
        case "length": .integer(count)
        case "depth": nil
        case "previtem": index > 0 ? elements[index - 1] : .undefined("loop.previtem")
        case "nextitem": index + 1 < count ? elements[index + 1] : .undefined("loop.nextitem")
        case "cycle": .method(.loop(self), "cycle")
        default: nil
        }
    }
}
