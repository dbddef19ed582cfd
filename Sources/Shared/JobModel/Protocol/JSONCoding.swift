import Foundation

/// The one way JSON is written and read outside the specification: snake_case keys in sorted order, one line, and
/// numbers that are not finite as the strings `nan`, `inf` and `-inf`.
package enum JSONCoding {
    /// `value` as one line without its newline.
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return [UInt8](try encoder.encode(value))
    }

    /// A value from the JSON in `bytes`; unknown fields are ignored.
    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: some Sequence<UInt8>) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return try decoder.decode(type, from: Data(bytes))
    }
}

/// The field that every message has.
struct MessageType: Codable { var type: String }

extension Encodable {
    /// Writes the fields of a message and its type into one object.
    func encode(to encoder: any Encoder, type: String) throws {
        try MessageType(type: type).encode(to: encoder)
        try encode(to: encoder)
    }
}
