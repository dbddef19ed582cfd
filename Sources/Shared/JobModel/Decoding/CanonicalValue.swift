internal import JSON

/// A JSON value in the one form that is stored and hashed.
enum CanonicalValue: Sendable, Hashable {
    case text(String)
    case integer(Int64)
    case number(Double)
    case flag(Bool)
    case list([CanonicalValue])
    case object([String: CanonicalValue])

    /// Indented by two spaces, keys in order of their bytes, a newline at the end.
    var document: [UInt8] {
        var text = ""
        write(into: &text, indent: "")
        return Array((text + "\n").utf8)
    }

    /// As a person would write it in a specification, on one line.
    var inline: String {
        switch self {
        case .text(let text): text
        case .integer(let value): String(value)
        case .number(let value): Self.digits(of: value)
        case .flag(let value): value ? "true" : "false"
        case .list(let values): "[\(values.map(\.inline).joined(separator: ", "))]"
        case .object(let fields):
            "{\(Self.sorted(fields).map { "\($0.key): \($0.value.inline)" }.joined(separator: ", "))}"
        }
    }

    private func write(into text: inout String, indent: String) {
        let inner = indent + "  "
        switch self {
        case .text(let value): text += Self.quoted(value)
        case .list(let values) where !values.isEmpty:
            text += "["
            for (index, value) in values.enumerated() {
                text += index == 0 ? "\n\(inner)" : ",\n\(inner)"
                value.write(into: &text, indent: inner)
            }
            text += "\n\(indent)]"
        case .object(let fields) where !fields.isEmpty:
            text += "{"
            for (index, field) in Self.sorted(fields).enumerated() {
                text += (index == 0 ? "\n\(inner)" : ",\n\(inner)") + Self.quoted(field.key) + ": "
                field.value.write(into: &text, indent: inner)
            }
            text += "\n\(indent)}"
        case .object: text += "{}"
        case .integer, .number, .flag, .list: text += inline
        }
    }

    private static func sorted(_ fields: [String: CanonicalValue]) -> [(key: String, value: CanonicalValue)] {
        fields.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    /// Shortest digits that give the same number back; whole numbers without a point.
    private static func digits(of value: Double) -> String {
        let digits = value.description
        return digits.hasSuffix(".0") ? String(digits.dropLast(2)) : digits
    }

    /// Quoted so that our own reader takes it back: it refuses `&` before a letter, and libyaml refuses raw controls.
    private static func quoted(_ text: String) -> String {
        JSONValue.quoted(text) { scalar in
            switch scalar {
            case "&", "\r", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFE}", "\u{FFFF}": true
            default: false
            }
        }
    }
}
