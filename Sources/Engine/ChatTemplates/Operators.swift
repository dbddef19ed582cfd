import Foundation

/// Python's operators on values.
enum Operators {
    /// Longer results are refused.
    static let maximumLength = 16_000_000

    static func binary(_ symbol: String, _ left: Value, _ right: Value) throws(ValueError) -> Value {
        if symbol == "~" { return .string(try joined(left.text, right.text)) }
        switch (symbol, left, right) {
        case ("+", .string(let a), .string(let b)): return .string(try joined(a, b))
        case ("+", .list(let a), .list(let b)): return .list(a + b)
        case ("*", .string(let text), _):
            guard let count = right.asInteger else { break }
            return .string(try repeated(text, count))
        case ("*", _, .string(let text)):
            guard let count = left.asInteger else { break }
            return .string(try repeated(text, count))
        case ("%", .string, _):
            throw ValueError("the formatting of strings by '%'", .unsupported)
        default: break
        }
        if let a = left.asInteger, let b = right.asInteger { return try whole(symbol, a, b) }
        if let a = left.asNumber, let b = right.asNumber { return try real(symbol, a, b) }
        throw ValueError("'\(symbol)' does not fit \(left.kind) and \(right.kind)")
    }

    private static func joined(_ a: String, _ b: String) throws(ValueError) -> String {
        guard a.utf8.count + b.utf8.count <= maximumLength else {
            throw ValueError("a string of more than \(maximumLength) bytes", .limit)
        }
        return a + b
    }

    private static func repeated(_ text: String, _ count: Int) throws(ValueError) -> String {
        let (length, overflows) = text.utf8.count.multipliedReportingOverflow(by: max(count, 0))
        guard !overflows, length <= maximumLength else {
            throw ValueError("a string of more than \(maximumLength) bytes", .limit)
        }
        return length == 0 ? "" : String(repeating: text, count: count)
    }

    private static func whole(_ symbol: String, _ a: Int, _ b: Int) throws(ValueError) -> Value {
        func checked(_ result: (partialValue: Int, overflow: Bool)) throws(ValueError) -> Value {
            if result.overflow { throw ValueError("an integer of more than 64 bits", .limit) }
            return .integer(result.partialValue)
        }
        if ["/", "//", "%"].contains(symbol), b == 0 { throw ValueError("a division by zero") }
        switch symbol {
        case "+": return try checked(a.addingReportingOverflow(b))
        case "-": return try checked(a.subtractingReportingOverflow(b))
        case "*": return try checked(a.multipliedReportingOverflow(by: b))
        case "/": return .number(Double(a) / Double(b))
        case "//", "%":
            // Python rounds towards minus infinity.
            let quotient = a.dividedReportingOverflow(by: b)
            if quotient.overflow { throw ValueError("an integer of more than 64 bits", .limit) }
            let remainder = a - quotient.partialValue * b
            let isRoundedUp = remainder != 0 && (remainder < 0) != (b < 0)
            if symbol == "//" { return .integer(quotient.partialValue - (isRoundedUp ? 1 : 0)) }
            return .integer(isRoundedUp ? remainder + b : remainder)
        case "**":
            if b < 0 { return .number(pow(Double(a), Double(b))) }
            var result = 1
            for _ in 0..<min(b, 64) {
                guard case .integer(let next) = try checked(result.multipliedReportingOverflow(by: a)) else { break }
                result = next
            }
            guard b <= 64 || (-1...1).contains(a) else { throw ValueError("an integer of more than 64 bits", .limit) }
            return .integer(b > 64 && a == -1 && b % 2 == 1 ? -1 : result)
        default: throw ValueError("the operator '\(symbol)'", .unsupported)
        }
    }

    private static func real(_ symbol: String, _ a: Double, _ b: Double) throws(ValueError) -> Value {
        if ["/", "//", "%"].contains(symbol), b == 0 { throw ValueError("a division by zero") }
        switch symbol {
        case "+": return .number(a + b)
        case "-": return .number(a - b)
        case "*": return .number(a * b)
        case "/": return .number(a / b)
        case "//": return .number((a / b).rounded(.down))
        case "%": return .number(a - b * (a / b).rounded(.down))
        case "**": return .number(pow(a, b))
        default: throw ValueError("the operator '\(symbol)'", .unsupported)
        }
    }

    static func unary(_ symbol: String, _ value: Value) throws(ValueError) -> Value {
        if symbol == "not" { return .boolean(!value.isTrue) }
        let sign = symbol == "-" ? -1 : 1
        if let number = value.asInteger {
            let (result, overflows) = number.multipliedReportingOverflow(by: sign)
            if overflows { throw ValueError("an integer of more than 64 bits", .limit) }
            return .integer(result)
        }
        if let number = value.asNumber { return .number(Double(sign) * number) }
        throw ValueError("'\(symbol)' does not fit \(value.kind)")
    }

    static func compare(_ symbol: String, _ left: Value, _ right: Value) throws(ValueError) -> Bool {
        switch symbol {
        case "==": return left.equals(right)
        case "!=": return !left.equals(right)
        case "in": return try contains(right, left)
        case "not in": return try !contains(right, left)
        case "<": return try precedes(left, right, "<")
        case ">": return try precedes(right, left, ">")
        case "<=": return try !precedes(right, left, "<=")
        case ">=": return try !precedes(left, right, ">=")
        default: throw ValueError("the comparison '\(symbol)'", .unsupported)
        }
    }

    static func precedes(_ left: Value, _ right: Value, _ symbol: String) throws(ValueError) -> Bool {
        if let a = left.asNumber, let b = right.asNumber { return a < b }
        switch (left, right) {
        case (.string(let a), .string(let b)):
            return a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars)
        case (.list(let a), .list(let b)):
            for (x, y) in zip(a, b) where !x.equals(y) { return try precedes(x, y, symbol) }
            return a.count < b.count
        default: throw ValueError("'\(symbol)' does not fit \(left.kind) and \(right.kind)")
        }
    }

    private static func contains(_ container: Value, _ value: Value) throws(ValueError) -> Bool {
        switch container {
        case .string(let text):
            guard case .string(let part) = value else { throw ValueError("'in' a string does not fit \(value.kind)") }
            return StringSearch.first(part, in: text) != nil
        case .list(let elements): return elements.contains { $0.equals(value) }
        case .mapping(let members):
            guard case .string(let key) = value else { return false }
            return Value.member(key, of: members) != nil
        case .undefined: return false
        default: throw ValueError("'in' does not fit \(container.kind)")
        }
    }
}
