/// A strict reader of JSON bytes that hands out members and elements one at a time.
///
/// A vocabulary of 150,000 entries is read without making a `String` or a tree of it.
struct JSONScanner {
    /// Deeper nesting than this is refused; tokenizer files nest a dozen deep.
    static let maximumDepth = 64

    private let bytes: UnsafeBufferPointer<UInt8>
    private let file: String
    private var position = 0
    private var depth = 0

    /// Starts at the first value of `bytes`, which must be well-formed UTF-8 and outlive the scanner.
    init(_ bytes: UnsafeBufferPointer<UInt8>, file: String) throws(TokenizerError) {
        self.bytes = bytes
        self.file = file
        if let offset = UTF8Text.firstInvalidOffset(in: bytes) {
            throw fault(at: offset, found: "a byte that is not UTF-8", expected: "a file in UTF-8")
        }
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { position = 3 }
    }

    /// The first byte of the next value, white space skipped.
    mutating func peek() throws(TokenizerError) -> UInt8 {
        skipWhitespace()
        guard position < bytes.count else {
            throw fault(found: "the end of the file", expected: "a JSON value")
        }
        return bytes[position]
    }

    /// Checks that nothing but white space follows.
    mutating func end() throws(TokenizerError) {
        skipWhitespace()
        if position < bytes.count {
            throw fault(found: describe(bytes[position]), expected: "the end of the file")
        }
    }

    /// Reads an object; `body` receives each key and must read the value that follows.
    mutating func object(
        _ body: (inout JSONScanner, _ key: [UInt8]) throws(TokenizerError) -> Void
    ) throws(TokenizerError) {
        try enter("{", "an object")
        var key: [UInt8] = []
        if try peek() != UInt8(ascii: "}") {
            while true {
                key.removeAll(keepingCapacity: true)
                try string(into: &key)
                try expect(":", "a colon after the key")
                try body(&self, key)
                if try peek() != UInt8(ascii: ",") { break }
                position += 1
            }
        }
        try leave("}", "a comma or the end of the object")
    }

    /// Reads an array; `body` must read each element.
    mutating func array(_ body: (inout JSONScanner) throws(TokenizerError) -> Void) throws(TokenizerError) {
        try enter("[", "an array")
        if try peek() != UInt8(ascii: "]") {
            while true {
                try body(&self)
                if try peek() != UInt8(ascii: ",") { break }
                position += 1
            }
        }
        try leave("]", "a comma or the end of the array")
    }

    /// Reads a string and appends its UTF-8 bytes.
    mutating func string(into target: inout [UInt8]) throws(TokenizerError) {
        try expect("\"", "a string")
        while true {
            let start = position
            while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\"),
                bytes[position] >= 0x20
            {
                position += 1
            }
            target.append(contentsOf: bytes[start..<position])
            guard position < bytes.count else {
                throw fault(found: "the end of the file inside a string", expected: "a closing quotation mark")
            }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"):
                try escape(into: &target)
            default:
                throw fault(found: "a control character in a string", expected: "an escape such as \\n")
            }
        }
    }

    /// Reads a whole number between 0 and 2^31 - 1.
    mutating func index() throws(TokenizerError) -> Int {
        _ = try peek()
        let start = position
        guard case .number(let value) = try self.value(), value >= 0, value < 2_147_483_648,
            value == value.rounded()
        else {
            throw fault(at: start, found: "something else", expected: "a whole number from 0 to 2147483647")
        }
        return Int(value)
    }

    /// Reads any value as a tree.
    mutating func value() throws(TokenizerError) -> JSONValue {
        switch try peek() {
        case UInt8(ascii: "{"):
            var members: [JSONMember] = []
            var seen: Set<[UInt8]> = []
            try object { (scanner, key) throws(TokenizerError) in
                guard seen.insert(key).inserted else {
                    throw scanner.fault(
                        found: "the key \"\(String(decoding: key, as: UTF8.self))\" a second time",
                        expected: "every key once")
                }
                members.append(JSONMember(key: String(decoding: key, as: UTF8.self), value: try scanner.value()))
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try array { (scanner) throws(TokenizerError) in elements.append(try scanner.value()) }
            return .array(elements)
        case UInt8(ascii: "\""):
            var text: [UInt8] = []
            try string(into: &text)
            return .string(String(decoding: text, as: UTF8.self))
        case UInt8(ascii: "t"):
            try word("true")
            return .boolean(true)
        case UInt8(ascii: "f"):
            try word("false")
            return .boolean(false)
        case UInt8(ascii: "n"):
            try word("null")
            return .null
        default:
            return .number(try number())
        }
    }

    /// An error at `offset`, by default where the scanner stands.
    func fault(at offset: Int? = nil, found: String, expected: String) -> TokenizerError {
        var line = 1
        var lineStart = 0
        let stop = min(offset ?? position, bytes.count)
        for index in 0..<stop where bytes[index] == UInt8(ascii: "\n") {
            line += 1
            lineStart = index + 1
        }
        return TokenizerError(
            .malformed, file: file, place: "line \(line), byte \(stop - lineStart + 1)", found: found,
            expected: expected)
    }

    // MARK: Tokens

    private mutating func skipWhitespace() {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            position += 1
        }
    }

    private mutating func expect(_ character: Unicode.Scalar, _ expected: String) throws(TokenizerError) {
        skipWhitespace()
        guard position < bytes.count else { throw fault(found: "the end of the file", expected: expected) }
        guard bytes[position] == UInt8(ascii: character) else {
            throw fault(found: describe(bytes[position]), expected: expected)
        }
        position += 1
    }

    private mutating func enter(_ character: Unicode.Scalar, _ expected: String) throws(TokenizerError) {
        try expect(character, expected)
        depth += 1
        if depth > Self.maximumDepth {
            throw fault(found: "deeper nesting", expected: "at most \(Self.maximumDepth) levels")
        }
    }

    private mutating func leave(_ character: Unicode.Scalar, _ expected: String) throws(TokenizerError) {
        try expect(character, expected)
        depth -= 1
    }

    private mutating func word(_ text: StaticString) throws(TokenizerError) {
        for offset in 0..<text.utf8CodeUnitCount {
            guard position < bytes.count, bytes[position] == text.utf8Start[offset] else {
                throw fault(found: "a misspelt word", expected: "\(text)")
            }
            position += 1
        }
    }

    private mutating func number() throws(TokenizerError) -> Double {
        let start = position
        if position < bytes.count, bytes[position] == UInt8(ascii: "-") { position += 1 }
        let integer = digits()
        let leadingZero = integer.count > 1 && bytes[integer.lowerBound] == UInt8(ascii: "0")
        guard !integer.isEmpty, !leadingZero else {
            throw fault(at: start, found: describe(bytes[start]), expected: "a JSON value")
        }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            if digits().isEmpty { throw fault(found: "a number without decimals", expected: "digits after the point") }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[position]) {
                position += 1
            }
            if digits().isEmpty { throw fault(found: "an empty exponent", expected: "digits") }
        }
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
        guard let value = Double(text) else { throw fault(at: start, found: text, expected: "a number") }
        return value
    }

    private mutating func digits() -> Range<Int> {
        let start = position
        while position < bytes.count, bytes[position] &- UInt8(ascii: "0") < 10 { position += 1 }
        return start..<position
    }

    private mutating func escape(into target: inout [UInt8]) throws(TokenizerError) {
        let start = position
        position += 1
        guard position < bytes.count else { throw fault(found: "the end of the file", expected: "an escape") }
        let letter = bytes[position]
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): target.append(letter)
        case UInt8(ascii: "n"): target.append(0x0A)
        case UInt8(ascii: "r"): target.append(0x0D)
        case UInt8(ascii: "t"): target.append(0x09)
        case UInt8(ascii: "b"): target.append(0x08)
        case UInt8(ascii: "f"): target.append(0x0C)
        case UInt8(ascii: "u"): UTF8Text.append(try escapedScalar(from: start), to: &target)
        default: throw fault(at: start, found: "the escape \\\(describe(letter))", expected: "a JSON escape")
        }
    }

    private mutating func escapedScalar(from start: Int) throws(TokenizerError) -> UInt32 {
        let unit = try hexadecimal()
        guard unit & 0xF800 == 0xD800 else { return unit }
        let isPair =
            unit < 0xDC00 && position + 1 < bytes.count && bytes[position] == UInt8(ascii: "\\")
            && bytes[position + 1] == UInt8(ascii: "u")
        if isPair {
            position += 2
            let second = try hexadecimal()
            if second & 0xFC00 == 0xDC00 { return 0x10000 + (unit & 0x3FF) << 10 + (second & 0x3FF) }
        }
        throw fault(at: start, found: "half of a surrogate pair", expected: "\\u escapes that form a character")
    }

    private mutating func hexadecimal() throws(TokenizerError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count, let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue,
                bytes[position] < 0x80
            else { throw fault(found: "something else", expected: "four hexadecimal digits after \\u") }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private func describe(_ byte: UInt8) -> String {
        byte >= 0x20 && byte < 0x7F ? "'\(Character(Unicode.Scalar(byte)))'" : "the byte \(byte)"
    }
}
