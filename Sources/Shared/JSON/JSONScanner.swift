/// A strict reader of JSON bytes (RFC 8259) that hands out members and elements one at a time, or whole values as trees.
///
/// Large tables are read without a tree or a `String` of them. Texts come with downloaded files and may be hostile:
/// depth and number of values are limited, keys must differ, and everything the standard does not allow is refused.
package struct JSONScanner {
    /// Limits on one text.
    package struct Limits: Sendable {
        /// Objects and arrays inside each other.
        package var depth = 128
        /// Values of trees, all together.
        package var values = 2_000_000

        package init() {}
    }

    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0
    private let limits: Limits
    private var depth = 0
    private var values = 0

    /// Starts at the first value of `bytes`, which must outlive the scanner. A byte order mark is skipped.
    /// - Throws: `JSONError` when the text is not UTF-8.
    package init(_ bytes: UnsafeBufferPointer<UInt8>, limits: Limits = Limits()) throws(JSONError) {
        self.bytes = bytes
        self.limits = limits
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw JSONError(
                bytes, at: error.byteOffsets.lowerBound, found: "a byte that is not UTF-8", expected: "UTF-8 text")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// The first byte of the next value, white space skipped.
    package mutating func peek() throws(JSONError) -> UInt8 {
        skipSpace()
        guard position < bytes.count else { throw fault(found: Self.endOfText, expected: "a JSON value") }
        return bytes[position]
    }

    /// Checks that nothing but white space follows.
    package mutating func end() throws(JSONError) {
        skipSpace()
        if position < bytes.count { throw fault(found: describe(bytes[position]), expected: Self.endOfText) }
    }

    /// Reads an object whose keys must differ; `body` receives each key and must read the value that follows.
    package mutating func object(
        _ body: (inout JSONScanner, _ key: [UInt8]) throws(JSONError) -> Void
    ) throws(JSONError) {
        var seen = SeenKeys()
        try table { (scanner, key) throws(JSONError) in
            guard seen.insert(key) else {
                throw scanner.fault(
                    found: "the key \"\(String(decoding: key.prefix(200), as: UTF8.self))\" a second time",
                    expected: "every key once")
            }
            try body(&scanner, key)
        }
    }

    /// Reads an object of many members; `body` must refuse keys that come twice, and read the value that follows.
    package mutating func table(
        _ body: (inout JSONScanner, _ key: [UInt8]) throws(JSONError) -> Void
    ) throws(JSONError) {
        try enter("{", "an object")
        var key: [UInt8] = []
        if try peek() != UInt8(ascii: "}") {
            while true {
                key.removeAll(keepingCapacity: true)
                try string(into: &key)
                try expect(":", "a colon after the key")
                try body(&self, key)
                guard skipComma() else { break }
            }
        }
        try leave("}", "a comma or the end of the object")
    }

    /// Reads an array; `body` must read each element.
    package mutating func array(_ body: (inout JSONScanner) throws(JSONError) -> Void) throws(JSONError) {
        try enter("[", "an array")
        if try peek() != UInt8(ascii: "]") {
            while true {
                try body(&self)
                guard skipComma() else { break }
            }
        }
        try leave("]", "a comma or the end of the array")
    }

    /// Reads any value as a tree.
    package mutating func value() throws(JSONError) -> JSONValue {
        values += 1
        if values > limits.values { throw fault(found: "more values", expected: "at most \(limits.values)") }
        switch try peek() {
        case UInt8(ascii: "{"):
            var members = JSONObject()
            try object { (scanner, key) throws(JSONError) in
                members.append(String(decoding: key, as: UTF8.self), try scanner.value())
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try array { (scanner) throws(JSONError) in elements.append(try scanner.value()) }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    /// An error where the scanner stands, or at `offset`.
    package func fault(at offset: Int? = nil, found: String, expected: String) -> JSONError {
        JSONError(bytes, at: offset ?? position, found: found, expected: expected)
    }

    // MARK: Tokens

    static let endOfText = "the end of the text"

    mutating func skipSpace() {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            position += 1
        }
    }

    private mutating func skipComma() -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: ",") else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Unicode.Scalar, _ expected: String) throws(JSONError) {
        skipSpace()
        guard position < bytes.count else { throw fault(found: Self.endOfText, expected: expected) }
        guard bytes[position] == UInt8(ascii: character) else {
            throw fault(found: describe(bytes[position]), expected: expected)
        }
        position += 1
    }

    private mutating func enter(_ character: Unicode.Scalar, _ expected: String) throws(JSONError) {
        try expect(character, expected)
        depth += 1
        if depth > limits.depth { throw fault(found: "deeper nesting", expected: "at most \(limits.depth) levels") }
    }

    private mutating func leave(_ character: Unicode.Scalar, _ expected: String) throws(JSONError) {
        try expect(character, expected)
        depth -= 1
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let start = position
        for offset in 0..<text.utf8CodeUnitCount {
            guard position < bytes.count, bytes[position] == text.utf8Start[offset] else {
                throw fault(at: start, found: "a misspelt word", expected: "\(text)")
            }
            position += 1
        }
        return value
    }

    func describe(_ byte: UInt8) -> String {
        byte > 0x20 && byte < 0x7F ? "'\(Character(Unicode.Scalar(byte)))'" : "the byte \(byte)"
    }
}
