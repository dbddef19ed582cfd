/// An expression and the line it stands on.
struct Expression: Sendable {
    let node: Node
    let line: Int

    indirect enum Node: Sendable {
        case literal(Literal)
        case name(String)
        case list([Expression])
        case mapping([(key: Expression, value: Expression)])
        case attribute(Expression, String)
        case item(Expression, Expression)
        case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
        case call(Expression, Arguments)
        case filter(Expression, String, Arguments)
        case test(Expression, String, [Expression], isNegated: Bool)
        case unary(String, Expression)
        case binary(String, Expression, Expression)
        /// A chain such as `a < b <= c`.
        case comparison(Expression, [(operation: String, operand: Expression)])
        case and(Expression, Expression)
        case or(Expression, Expression)
        case conditional(condition: Expression, then: Expression, otherwise: Expression?)
    }

    enum Literal: Sendable {
        case none
        case boolean(Bool)
        case integer(Int)
        case number(Double)
        case string(String)
    }
}

/// The arguments of a call, filter or test.
struct Arguments: Sendable {
    var positional: [Expression] = []
    var named: [(name: String, value: Expression)] = []
}

/// A statement and the line it stands on.
struct Statement: Sendable {
    let node: Node
    let line: Int

    indirect enum Node: Sendable {
        case text(String)
        case output(Expression)
        case conditional([(condition: Expression, body: [Statement])], otherwise: [Statement])
        case loop(Loop)
        case assign(Target, Expression)
        case capture(Target, filters: [(name: String, arguments: Arguments)], body: [Statement])
        case macro(Macro)
        case generation([Statement])
        case leaveLoop
        case continueLoop
    }

    /// Where `set` puts a value.
    enum Target: Sendable {
        case names([String])
        case attribute(String, String)
    }

    struct Loop: Sendable {
        let names: [String]
        let sequence: Expression
        let condition: Expression?
        let body: [Statement]
        let otherwise: [Statement]
    }
}

/// A function that the template defines.
struct Macro: Sendable {
    let name: String
    let parameters: [(name: String, standard: Expression?)]
    let body: [Statement]
}
