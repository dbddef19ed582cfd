/// A JSON value with object keys in the order of the file.
///
/// The reader refuses everything RFC 8259 does not allow, duplicate keys, and texts deeper or richer than the caps:
/// the texts come with downloaded files and may be hostile.
package indirect enum StrictJSON: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A number without fraction and exponent that fits in `Int`.
    case integer(Int)
    case number(Double)
    case string(String)
    case array([StrictJSON])
    case object([(key: String, value: StrictJSON)])

    /// Limits on one text.
    package struct Caps: Sendable {
        package var depth = 16
        package var values = 2_000_000

        package init() {}
    }

    /// Where a text stops being JSON.
    package struct SyntaxError: Error, Sendable, CustomStringConvertible {
        package let offset: Int
        package let problem: String
        package var description: String { "byte \(offset): \(problem)" }
    }

    package init(_ bytes: UnsafeRawBufferPointer, caps: Caps = Caps()) throws(SyntaxError) {
        var reader = StrictJSONReader(bytes: bytes, caps: caps)
        self = try reader.document()
    }

    package subscript(key: String) -> StrictJSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    package static func == (left: StrictJSON, right: StrictJSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)):
            a.count == b.count && zip(a, b).allSatisfy { $0.key == $1.key && $0.value == $1.value }
        default: false
        }
    }
}
