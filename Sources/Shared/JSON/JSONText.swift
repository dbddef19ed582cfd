extension JSONValue {
    /// The value as indented text, keys in order, ending with a line break.
    package var text: String { text(indent: "") + "\n" }

    private func text(indent: String) -> String {
        let deeper = indent + "  "
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return "\(value)"
        case .number(let value): return "\(value)"
        case .string(let value): return Self.quoted(value)
        case .array(let values) where values.isEmpty: return "[]"
        case .array(let values):
            let lines = values.map { deeper + $0.text(indent: deeper) }
            return "[\n" + lines.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let object) where object.isEmpty: return "{}"
        case .object(let object):
            let lines = object.inOrder.map { "\(deeper)\(Self.quoted($0.key)): \($0.value.text(indent: deeper))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        }
    }

    /// A string with its quotation marks and escapes.
    ///
    /// - Parameter escapes: what the reader at hand needs as numbers besides.
    package static func quoted(_ text: String, escapes: (Unicode.Scalar) -> Bool = { _ in false }) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case _ where escapes(scalar): quoted += numbered(scalar)
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}": quoted += numbered(scalar)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// A scalar of the first plane by its number.
    private static func numbered(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
