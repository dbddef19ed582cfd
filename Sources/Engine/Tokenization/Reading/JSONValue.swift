/// A JSON value that is small enough to be held as a tree.
enum JSONValue: Equatable, Sendable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// The word a message uses for this sort of value.
    var kind: String {
        switch self {
        case .null: "null"
        case .boolean(let value): value ? "true" : "false"
        case .number(let value): "the number \(value)"
        case .string(let value): "the string \"\(value.prefix(60))\""
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// One key and its value, in the order of the file.
struct JSONMember: Equatable, Sendable {
    let key: String
    let value: JSONValue
}
