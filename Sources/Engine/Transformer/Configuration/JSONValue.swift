internal import DurableFiles
internal import Safetensors

/// A JSON value, kept as it was read so that a configuration can be written back with the keys nobody here uses.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// What kind of value this is, in words for an error message.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool(let value): "the boolean \(value)"
        case .integer(let value): "the integer \(value)"
        case .number(let value): "the number \(value)"
        case .string(let value): "the string \"\(value)\""
        case .array(let values): "a list of \(values.count)"
        case .object: "an object"
        }
    }
}

extension JSONValue {
    /// Parses UTF-8 text strictly: no duplicate keys, bounded depth and size. The error names `file`.
    package static func parse(_ bytes: [UInt8], file: String) throws(ModelError) -> JSONValue {
        do {
            return JSONValue(try bytes.withUnsafeBytes { try StrictJSON($0) })
        } catch {
            throw .unreadableFile(path: file, reason: "not valid JSON: \(error)")
        }
    }

    /// Reads and parses a file.
    package static func read(_ path: String, hint: String) throws -> JSONValue {
        guard fileKind(path) != .missing else { throw ModelError.missingFile(path: path, hint: hint) }
        return try parse(try readFile(path), file: path)
    }

    private init(_ json: StrictJSON) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .number(value)
        case .string(let value): self = .string(value)
        case .array(let values): self = .array(values.map { JSONValue($0) })
        case .object(let members):
            self = .object(Dictionary(members.map { ($0.key, JSONValue($0.value)) }) { _, last in last })
        }
    }

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
            let lines = object.sorted { $0.key < $1.key }
                .map { "\(deeper)\(Self.quoted($0.key)): \($0.value.text(indent: deeper))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\n": quoted += "\\n"
            case "\u{0}"..."\u{1F}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
