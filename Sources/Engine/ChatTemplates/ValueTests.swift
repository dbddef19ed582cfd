/// Jinja's tests: what stands after `is`.
enum ValueTests {
    static func holds(_ name: String, _ value: Value, _ operands: [Value]) throws(ValueError) -> Bool {
        if let answer = ofKind(name, value) { return answer }
        switch name {
        case "odd", "even":
            guard let number = value.asInteger else { throw ValueError("'is \(name)' does not fit \(value.kind)") }
            return number % 2 == 0 ? name == "even" : name == "odd"
        case "divisibleby":
            guard let number = value.asInteger, let divisor = try operand(name, operands).asInteger, divisor != 0
            else { throw ValueError("'is divisibleby' needs integers") }
            return number % divisor == 0
        case "sameas": return try isSame(value, operand(name, operands))
        case "in": return try Operators.compare("in", value, operand(name, operands))
        case "equalto", "eq", "==": return value.equals(try operand(name, operands))
        case "ne", "!=": return !value.equals(try operand(name, operands))
        case "lt", "lessthan", "<": return try Operators.compare("<", value, operand(name, operands))
        case "gt", "greaterthan", ">": return try Operators.compare(">", value, operand(name, operands))
        case "le", "<=": return try Operators.compare("<=", value, operand(name, operands))
        case "ge", ">=": return try Operators.compare(">=", value, operand(name, operands))
        default: throw ValueError("the test '\(name)'", .unsupported)
        }
    }

    /// Tests that ask for the sort of value; nil for other tests.
    private static func ofKind(_ name: String, _ value: Value) -> Bool? {
        switch (name, value) {
        case ("defined", .undefined), ("undefined", .undefined): name == "undefined"
        case ("defined", _): true
        case ("undefined", _): false
        case ("none", .none), ("boolean", .boolean), ("string", .string), ("mapping", .mapping): true
        case ("mapping", .namespace): false
        case ("integer", .integer), ("float", .number), ("number", .integer), ("number", .number): true
        case ("number", .boolean): true
        case ("true", .boolean(let flag)): flag
        case ("false", .boolean(let flag)): !flag
        case ("sequence", .string), ("sequence", .list), ("sequence", .mapping): true
        case ("iterable", .string), ("iterable", .list), ("iterable", .mapping), ("iterable", .undefined): true
        case ("sequence", .undefined): true
        case ("callable", .macro), ("callable", .function), ("callable", .method): true
        case ("upper", .string(let text)): text == text.uppercased() && text != text.lowercased()
        case ("lower", .string(let text)): text == text.lowercased() && text != text.uppercased()
        default: kinds.contains(name) ? false : nil
        }
    }

    private static let kinds: Set<String> = [
        "none", "boolean", "string", "mapping", "integer", "float", "number", "true", "false", "sequence", "iterable",
        "callable", "upper", "lower",
    ]

    private static func operand(_ name: String, _ operands: [Value]) throws(ValueError) -> Value {
        guard operands.count == 1 else { throw ValueError("'is \(name)' needs one value to compare with") }
        return operands[0]
    }

    /// Python's identity, as far as values have one.
    private static func isSame(_ a: Value, _ b: Value) -> Bool {
        switch (a, b) {
        case (.boolean(let x), .boolean(let y)): x == y
        case (.boolean, _), (_, .boolean): false
        case (.integer, .number), (.number, .integer): false
        default: a.equals(b)
        }
    }
}
