import Foundation

/// Values as text: as Python prints them and as JSON.
extension Value {
    /// Python's `str`.
    var text: String {
        if case .string(let text) = self { return text }
        if case .undefined = self { return "" }
        return representation
    }

    /// Python's `repr`, as printed inside lists.
    private var representation: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "None"
        case .boolean(let flag): flag ? "True" : "False"
        case .integer(let number): String(number)
        case .number(let number): Self.decimal(number)
        case .string(let text): Self.quoted(text)
        case .list(let elements): "[" + elements.map(\.representation).joined(separator: ", ") + "]"
        case .mapping(let members):
            "{" + members.map { "\(Self.quoted($0.key)): \($0.value.representation)" }.joined(separator: ", ") + "}"
        case .namespace: "<Namespace>"
        case .loop: "<LoopContext>"
        case .macro(let macro, _): "<Macro '\(macro.name)'>"
        case .function(let name), .method(_, let name): "<function \(name)>"
        }
    }

    /// Python's spelling of a floating-point number.
    private static func decimal(_ number: Double) -> String {
        if number.isNaN { return "nan" }
        if number.isInfinite { return number < 0 ? "-inf" : "inf" }
        if number == number.rounded(), abs(number) < 1e16 { return String(format: "%.1f", number) }
        var text = "\(number)"
        if let mark = text.firstIndex(of: "e") {
            // Python writes at least two digits and a sign: 1e-07, 1e+20.
            let digits = text[text.index(after: mark)...].drop { $0 == "+" || $0 == "-" }
            let sign = text[mark...].contains("-") ? "-" : "+"
            let mantissa = text[..<mark].hasSuffix(".0") ? text[..<mark].dropLast(2) : text[..<mark]
            text = mantissa + "e" + sign + (digits.count < 2 ? "0" : "") + digits
        }
        return text
    }

    private static func quoted(_ text: String) -> String {
        let scalars = text.unicodeScalars
        let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
        var result = String(quote)
        for scalar in text.unicodeScalars {
            switch scalar {
            case quote, "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..<"\u{20}", "\u{7F}"..<"\u{A0}":
                let digits = String(scalar.value, radix: 16)
                result += "\\x" + (digits.count < 2 ? "0" : "") + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + String(quote)
    }

    // MARK: JSON

    /// `json.dumps` without ASCII escapes, as transformers' `tojson` filter calls it.
    func json(indent: Int?, sortsKeys: Bool = false, level: Int = 0) throws(ValueError) -> String {
        switch self {
        case .none: return "null"
        case .boolean(let flag): return flag ? "true" : "false"
        case .integer(let number): return String(number)
        case .number(let number):
            if number.isNaN { return "NaN" }
            return number.isFinite ? Self.decimal(number) : number < 0 ? "-Infinity" : "Infinity"
        case .string(let text): return Self.jsonString(text)
        case .list(let elements):
            var parts: [String] = []
            for element in elements {
                parts.append(try element.json(indent: indent, sortsKeys: sortsKeys, level: level + 1))
            }
            return Self.jsonBlock("[", parts, "]", indent, level)
        case .mapping(let members):
            let ordered = sortsKeys ? Self.sorted(members) : members
            var parts: [String] = []
            for (key, value) in ordered {
                let text = try value.json(indent: indent, sortsKeys: sortsKeys, level: level + 1)
                parts.append("\(Self.jsonString(key)): \(text)")
            }
            return Self.jsonBlock("{", parts, "}", indent, level)
        case .undefined, .namespace, .loop, .macro, .function, .method:
            throw ValueError("\(kind) has no form in JSON")
        }
    }

    /// The members in the order of their keys.
    static func sorted(_ members: [(key: String, value: Value)]) -> [(key: String, value: Value)] {
        members.sorted { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
    }

    private static func jsonBlock(
        _ open: String, _ parts: [String], _ close: String, _ indent: Int?, _ level: Int
    ) -> String {
        guard let indent, !parts.isEmpty else { return open + parts.joined(separator: ", ") + close }
        let inner = "\n" + String(repeating: " ", count: indent * (level + 1))
        let outer = "\n" + String(repeating: " ", count: indent * level)
        return open + inner + parts.joined(separator: "," + inner) + outer + close
    }

    private static func jsonString(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{8}": result += "\\b"
            case "\u{C}": result += "\\f"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// An operation that does not fit its values; the interpreter adds the line.
struct ValueError: Error {
    let kind: ChatTemplateError.Kind
    let message: String

    init(_ message: String, _ kind: ChatTemplateError.Kind = .evaluation) {
        self.message = message
        self.kind = kind
    }
}
