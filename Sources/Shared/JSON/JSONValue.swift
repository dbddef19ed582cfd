/// A JSON value as a tree.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A number without fraction and exponent that fits in `Int`.
    case integer(Int)
    /// Any other number, finite.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Reads the one value of a text.
    /// - Throws: `JSONError` with the place of the first fault.
    package init(
        _ bytes: UnsafeBufferPointer<UInt8>, limits: JSONScanner.Limits = JSONScanner.Limits()
    ) throws(JSONError) {
        var scanner = try JSONScanner(bytes, limits: limits)
        self = try scanner.value()
        try scanner.end()
    }

    /// Reads the one value of a text.
    /// - Throws: `JSONError` with the place of the first fault.
    package init(_ bytes: some Collection<UInt8>) throws(JSONError) {
        let result: Result<JSONValue, JSONError>? = bytes.withContiguousStorageIfAvailable { buffer in
            Result { () throws(JSONError) in try JSONValue(buffer) }
        }
        self = try (result ?? Result { () throws(JSONError) in try JSONValue(Array(bytes)) }).get()
    }

    /// What kind of value this is, in words for an error message.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): "the integer \(value)"
        case .number(let value): "the number \(value)"
        case .string(let value): "the string \"\(value.prefix(60))\(value.count > 60 ? "…" : "")\""
        case .array(let values): "a list of \(values.count)"
        case .object: "an object"
        }
    }
}
