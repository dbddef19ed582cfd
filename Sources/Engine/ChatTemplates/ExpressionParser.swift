/// Reads expressions from the tokens of one tag, with Jinja's precedence.
struct ExpressionParser {
    private let tokens: [Token]
    private let line: Int
    private var position = 0
    private var depth = 0

    /// Deeper nesting of expressions is refused.
    static let maximumDepth = 100
    /// More operators, members, calls and filters in one tag are refused: a chain of them is as deep as it is long.
    static let maximumLinks = 500
    private var links = 0

    init(_ tokens: [Token], line: Int) {
        self.tokens = tokens
        self.line = line
    }

    // MARK: Tokens

    var isAtEnd: Bool { position == tokens.count }
    var currentLine: Int { position < tokens.count ? tokens[position].line : line }

    func isNext(symbol: String) -> Bool { position < tokens.count && tokens[position].kind == .symbol(symbol) }
    func isNext(name: String) -> Bool { position < tokens.count && tokens[position].kind == .name(name) }

    mutating func accept(symbol: String) -> Bool {
        guard isNext(symbol: symbol) else { return false }
        position += 1
        return true
    }

    mutating func accept(name: String) -> Bool {
        guard isNext(name: name) else { return false }
        position += 1
        return true
    }

    mutating func expect(symbol: String) throws(ChatTemplateError) {
        guard accept(symbol: symbol) else { throw fault("'\(symbol)'") }
    }

    mutating func name() throws(ChatTemplateError) -> String {
        guard position < tokens.count, case .name(let name) = tokens[position].kind else { throw fault("a name") }
        position += 1
        return name
    }

    func expectEnd() throws(ChatTemplateError) {
        if !isAtEnd { throw fault("the end of the tag") }
    }

    func fault(_ expected: String) -> ChatTemplateError {
        let found =
            if position < tokens.count {
                switch tokens[position].kind {
                case .name(let text), .symbol(let text): "'\(text)'"
                case .string: "a string"
                case .integer, .number: "a number"
                }
            } else { "the end of the tag" }
        return ChatTemplateError(.syntax, line: currentLine, "found \(found), expected \(expected)")
    }

    /// Counts one more value that is made out of the one before it.
    private mutating func link() throws(ChatTemplateError) {
        links += 1
        if links > Self.maximumLinks {
            throw ChatTemplateError(.limit, line: currentLine, "\(Self.maximumLinks) operators in one tag")
        }
    }

    // MARK: Levels of precedence

    /// An expression; several with commas between them are a list.
    mutating func tuple() throws(ChatTemplateError) -> Expression {
        let line = currentLine
        let first = try expression()
        guard isNext(symbol: ",") else { return first }
        var elements = [first]
        while accept(symbol: ",") {
            if isAtEnd || isNext(symbol: ")") { break }
            elements.append(try expression())
        }
        return Expression(node: .list(elements), line: line)
    }

    mutating func expression() throws(ChatTemplateError) -> Expression {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth { throw ChatTemplateError(.limit, line: currentLine, "nested expressions") }
        let line = currentLine
        var value = try disjunction()
        while accept(name: "if") {
            try link()
            let condition = try disjunction()
            let otherwise = accept(name: "else") ? try expression() : nil
            value = Expression(node: .conditional(condition: condition, then: value, otherwise: otherwise), line: line)
        }
        return value
    }

    /// An expression without a trailing `if`, as in `for x in y if z`.
    mutating func disjunction() throws(ChatTemplateError) -> Expression {
        var left = try conjunction()
        while accept(name: "or") {
            try link()
            left = Expression(node: .or(left, try conjunction()), line: left.line)
        }
        return left
    }

    private mutating func conjunction() throws(ChatTemplateError) -> Expression {
        var left = try negation()
        while accept(name: "and") {
            try link()
            left = Expression(node: .and(left, try negation()), line: left.line)
        }
        return left
    }

    private mutating func negation() throws(ChatTemplateError) -> Expression {
        let line = currentLine
        guard accept(name: "not") else { return try comparison() }
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth { throw ChatTemplateError(.limit, line: line, "nested expressions") }
        return Expression(node: .unary("not", try negation()), line: line)
    }

    private mutating func comparison() throws(ChatTemplateError) -> Expression {
        let left = try sum()
        var operands: [(operation: String, operand: Expression)] = []
        while let operation = comparisonOperator() { operands.append((operation, try sum())) }
        return operands.isEmpty ? left : Expression(node: .comparison(left, operands), line: left.line)
    }

    private mutating func comparisonOperator() -> String? {
        for symbol in ["==", "!=", "<=", ">=", "<", ">"] where accept(symbol: symbol) { return symbol }
        if accept(name: "in") { return "in" }
        if isNext(name: "not"), position + 1 < tokens.count, tokens[position + 1].kind == .name("in") {
            position += 2
            return "not in"
        }
        return nil
    }

    private mutating func sum() throws(ChatTemplateError) -> Expression {
        try chain(["+", "-"]) { (parser) throws(ChatTemplateError) in try parser.concatenation() }
    }

    private mutating func concatenation() throws(ChatTemplateError) -> Expression {
        try chain(["~"]) { (parser) throws(ChatTemplateError) in try parser.product() }
    }

    private mutating func product() throws(ChatTemplateError) -> Expression {
        try chain(["*", "//", "/", "%"]) { (parser) throws(ChatTemplateError) in try parser.signed() }
    }

    private mutating func chain(
        _ symbols: [String], _ operand: (inout ExpressionParser) throws(ChatTemplateError) -> Expression
    ) throws(ChatTemplateError) -> Expression {
        var left = try operand(&self)
        while let symbol = symbols.first(where: { isNext(symbol: $0) }) {
            position += 1
            try link()
            left = Expression(node: .binary(symbol, left, try operand(&self)), line: left.line)
        }
        return left
    }

    private mutating func signed() throws(ChatTemplateError) -> Expression {
        let line = currentLine
        for sign in ["-", "+"] where accept(symbol: sign) {
            depth += 1
            defer { depth -= 1 }
            if depth > Self.maximumDepth { throw ChatTemplateError(.limit, line: line, "nested expressions") }
            return try filters(Expression(node: .unary(sign, try signedOperand()), line: line))
        }
        return try filters(try power())
    }

    private mutating func signedOperand() throws(ChatTemplateError) -> Expression {
        let line = currentLine
        for sign in ["-", "+"] where accept(symbol: sign) {
            return Expression(node: .unary(sign, try power()), line: line)
        }
        return try power()
    }

    private mutating func power() throws(ChatTemplateError) -> Expression {
        var left = try postfix(try primary())
        while accept(symbol: "**") {
            try link()
            let right = try postfix(try primary())
            left = Expression(node: .binary("**", left, right), line: left.line)
        }
        return left
    }

    // MARK: Operands

    private mutating func primary() throws(ChatTemplateError) -> Expression {
        let line = currentLine
        guard position < tokens.count else { throw fault("a value") }
        let token = tokens[position]
        position += 1
        switch token.kind {
        case .integer(let value): return Expression(node: .literal(.integer(value)), line: line)
        case .number(let value): return Expression(node: .literal(.number(value)), line: line)
        case .string(var text):
            while position < tokens.count, case .string(let more) = tokens[position].kind {
                text += more
                position += 1
            }
            return Expression(node: .literal(.string(text)), line: line)
        case .name(let name): return Expression(node: Self.constant(name), line: line)
        case .symbol("("):
            if accept(symbol: ")") { return Expression(node: .list([]), line: line) }
            let value = try tuple()
            try expect(symbol: ")")
            return value
        case .symbol("["): return Expression(node: .list(try elements(until: "]")), line: line)
        case .symbol("{"): return Expression(node: .mapping(try members()), line: line)
        case .symbol:
            position -= 1
            throw fault("a value")
        }
    }

    private static func constant(_ name: String) -> Expression.Node {
        switch name {
        case "true", "True": .literal(.boolean(true))
        case "false", "False": .literal(.boolean(false))
        case "none", "None": .literal(.none)
        default: .name(name)
        }
    }

    private mutating func elements(until end: String) throws(ChatTemplateError) -> [Expression] {
        var elements: [Expression] = []
        while !accept(symbol: end) {
            elements.append(try expression())
            if !isNext(symbol: end) { try expect(symbol: ",") }
        }
        return elements
    }

    private mutating func members() throws(ChatTemplateError) -> [(key: Expression, value: Expression)] {
        var members: [(key: Expression, value: Expression)] = []
        while !accept(symbol: "}") {
            let key = try expression()
            try expect(symbol: ":")
            members.append((key, try expression()))
            if !isNext(symbol: "}") { try expect(symbol: ",") }
        }
        return members
    }

    /// Attributes, items and calls after a value.
    private mutating func postfix(_ value: Expression) throws(ChatTemplateError) -> Expression {
        var value = value
        while true {
            let line = currentLine
            if isNext(symbol: ".") || isNext(symbol: "[") || isNext(symbol: "(") { try link() }
            if accept(symbol: ".") {
                if position < tokens.count, case .integer(let index) = tokens[position].kind {
                    position += 1
                    let item = Expression(node: .literal(.integer(index)), line: line)
                    value = Expression(node: .item(value, item), line: line)
                } else {
                    value = Expression(node: .attribute(value, try name()), line: line)
                }
            } else if accept(symbol: "[") {
                value = Expression(node: try subscripted(value), line: line)
            } else if accept(symbol: "(") {
                value = Expression(node: .call(value, try arguments()), line: line)
            } else {
                return value
            }
        }
    }

    private mutating func subscripted(_ value: Expression) throws(ChatTemplateError) -> Expression.Node {
        var parts: [Expression?] = [nil]
        var isSlice = false
        while !accept(symbol: "]") {
            if accept(symbol: ":") {
                isSlice = true
                parts.append(nil)
            } else if parts[parts.count - 1] == nil {
                parts[parts.count - 1] = try expression()
            } else {
                throw fault("']'")
            }
        }
        if !isSlice {
            guard let index = parts[0] else { throw fault("an index") }
            return .item(value, index)
        }
        guard parts.count <= 3 else { throw fault("']'") }
        return .slice(value, start: parts[0], stop: parts[1], step: parts.count > 2 ? parts[2] : nil)
    }

    /// The arguments after an opening parenthesis.
    mutating func arguments() throws(ChatTemplateError) -> Arguments {
        var arguments = Arguments()
        while !accept(symbol: ")") {
            if isNext(symbol: "*") || isNext(symbol: "**") {
                throw ChatTemplateError(.unsupported, line: currentLine, "'*' before an argument")
            }
            let isNamed = position + 1 < tokens.count && tokens[position + 1].kind == .symbol("=")
            if isNamed, case .name(let name) = tokens[position].kind {
                position += 2
                arguments.named.append((name, try expression()))
            } else {
                guard arguments.named.isEmpty else { throw fault("a named argument") }
                arguments.positional.append(try expression())
            }
            if !isNext(symbol: ")") { try expect(symbol: ",") }
        }
        return arguments
    }

    /// Filters and tests after a value.
    private mutating func filters(_ value: Expression) throws(ChatTemplateError) -> Expression {
        var value = value
        while true {
            let line = currentLine
            if isNext(symbol: "|") || isNext(name: "is") { try link() }
            if accept(symbol: "|") {
                let name = try name()
                let arguments = accept(symbol: "(") ? try arguments() : Arguments()
                value = try postfix(Expression(node: .filter(value, name, arguments), line: line))
            } else if accept(name: "is") {
                value = Expression(node: try test(of: value), line: line)
            } else {
                return value
            }
        }
    }

    private mutating func test(of value: Expression) throws(ChatTemplateError) -> Expression.Node {
        let isNegated = accept(name: "not")
        let name = try name()
        var operands: [Expression] = []
        if accept(symbol: "(") {
            operands = try arguments().positional
        } else if takesOperand {
            operands = [try postfix(try primary())]
        }
        return .test(value, name, operands, isNegated: isNegated)
    }

    /// Whether a value follows that a test takes without parentheses, as in `is divisibleby 3`.
    private var takesOperand: Bool {
        guard position < tokens.count else { return false }
        switch tokens[position].kind {
        case .name(let name): return !["else", "or", "and", "is", "if", "in", "not"].contains(name)
        case .string, .integer, .number: return true
        case .symbol(let symbol): return symbol == "[" || symbol == "{"
        }
    }
}
