import ChatTemplates
import JSON

/// One row before its meaning is known: named fields.
struct Record {
    private let fields: JSONObject

    /// A row that is one JSON object.
    init(jsonObject bytes: ArraySlice<UInt8>) throws(RowProblem) {
        let value = try Self.value(bytes)
        guard case .object(let fields) = value else {
            throw RowProblem(found: value.kind, expected: "one JSON object with named fields")
        }
        self.fields = fields
    }

    /// A row of separated values under the names of a header.
    init(header: [String], fields: [String]) throws(RowProblem) {
        guard header.count == fields.count else {
            throw RowProblem(found: "\(fields.count) fields", expected: "\(header.count), as in the header line")
        }
        var members = JSONObject()
        for (name, field) in zip(header, fields) { members[name] = .string(field) }
        self.fields = members
    }

    /// A row that is nothing but text.
    init(text: String, column: String) {
        fields = [column: .string(text)]
    }

    /// Whether the row has the field, and not as null.
    func has(_ field: String) -> Bool { fields[field] ?? .null != .null }

    /// The text of a field.
    func text(_ field: String) throws(RowProblem) -> String {
        guard case .string(let text) = try value(field, expected: "a string") else {
            throw wrongKind(field, expected: "a string")
        }
        return text
    }

    /// A field that is one text or a list of them: all answers that count as right.
    func texts(_ field: String) throws(RowProblem) -> [String] {
        let expected = "a string or a list of strings"
        switch try value(field, expected: expected) {
        case .string(let text): return [text]
        case .array(let elements):
            var texts: [String] = []
            for element in elements {
                guard case .string(let text) = element else { throw wrongKind(field, expected: expected) }
                texts.append(text)
            }
            return texts
        default: throw wrongKind(field, expected: expected)
        }
    }

    /// A field that is text or a list of messages.
    func content(_ field: String) throws(RowProblem) -> RowContent {
        let expected = "a string or a list of messages"
        switch try value(field, expected: expected) {
        case .string(let text): return .text(text)
        case .array(let elements): return .messages(try messages(elements, field))
        default: throw wrongKind(field, expected: expected)
        }
    }

    private static func value(_ bytes: ArraySlice<UInt8>) throws(RowProblem) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(bytes)
        } catch {
            // Says what to do about another encoding, where that is the fault.
            _ = try UTF8Text.string(bytes)
            let place = "byte \(error.offset + 1): \(error.found) in place of \(error.expected)"
            throw RowProblem(found: "a row that is not JSON (\(place))", expected: "one JSON object")
        }
    }

    private func messages(_ elements: [JSONValue], _ field: String) throws(RowProblem) -> [ChatMessage] {
        var messages: [ChatMessage] = []
        for (index, element) in elements.enumerated() {
            guard case .object(let parts) = element, case .string(let role) = parts["role"],
                case .string(let text) = parts["content"]
            else {
                throw RowProblem(
                    field: field, found: "message \(index + 1) that is not a role with its content",
                    expected: "objects with the strings \"role\" and \"content\"")
            }
            let more = parts.filter { $0.key != "role" && $0.key != "content" }
            messages.append(
                ChatMessage(
                    role: role, content: text, more: more.map { ChatValue.Member($0.key, $0.value.forTemplates) }))
        }
        return messages
    }

    private func value(_ field: String, expected: String) throws(RowProblem) -> JSONValue {
        guard let value = fields[field] else {
            throw RowProblem(
                field: field, found: "no such field among \(fields.keys.sorted().joined(separator: ", "))",
                expected: expected)
        }
        return value
    }

    private func wrongKind(_ field: String, expected: String) -> RowProblem {
        RowProblem(field: field, found: (fields[field] ?? .null).kind, expected: expected)
    }
}

extension JSONValue {
    /// The value as templates see it.
    fileprivate var forTemplates: ChatValue {
        switch self {
        case .null: .null
        case .bool(let value): .boolean(value)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .string(let value): .string(value)
        case .array(let elements): .list(elements.map(\.forTemplates))
        case .object(let members):
            .mapping(members.map { ChatValue.Member($0.key, $0.value.forTemplates) })
        }
    }
}
