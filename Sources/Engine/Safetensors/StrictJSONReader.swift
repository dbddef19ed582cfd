/// Recursive descent over the bytes of one JSON text; depth and number of values are capped.
struct StrictJSONReader {
    typealias SyntaxError = StrictJSON.SyntaxError

    let bytes: UnsafeRawBufferPointer
    let caps: StrictJSON.Caps
    private var position = 0
    private var values = 0

    init(bytes: UnsafeRawBufferPointer, caps: StrictJSON.Caps) {
        self.bytes = bytes
        self.caps = caps
    }

    mutating func document() throws(SyntaxError) -> StrictJSON {
        let value = try value(depth: 0)
        skipSpace()
        if position < bytes.count { throw error("text after the end of the value") }
        return value
    }

    private func error(_ problem: String) -> SyntaxError { SyntaxError(offset: position, problem: problem) }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(SyntaxError) {
        guard current == UInt8(ascii: character) else { throw error("expected \"\(character)\"") }
        position += 1
    }

    private mutating func value(depth: Int) throws(SyntaxError) -> StrictJSON {
        values += 1
        if values > caps.values { throw error("more than \(caps.values) values") }
        if depth > caps.depth { throw error("nested deeper than \(caps.depth)") }
        skipSpace()
        switch current {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw error("the text ends early")
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: StrictJSON) throws(SyntaxError) -> StrictJSON {
        for index in 0..<word.utf8CodeUnitCount {
            guard current == word.utf8Start[index] else { throw error("expected \(word)") }
            position += 1
        }
        return value
    }

    private mutating func object(depth: Int) throws(SyntaxError) -> StrictJSON {
        try expect("{")
        var members: [(key: String, value: StrictJSON)] = []
        var seen: Set<String> = []
        skipSpace()
        if current == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            skipSpace()
            let key = try string()
            guard seen.insert(key).inserted else { throw error("key \"\(key)\" twice in one object") }
            skipSpace()
            try expect(":")
            members.append((key, try value(depth: depth + 1)))
            skipSpace()
            if current == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try expect("}")
            return .object(members)
        }
    }

    private mutating func array(depth: Int) throws(SyntaxError) -> StrictJSON {
        try expect("[")
        var elements: [StrictJSON] = []
        skipSpace()
        if current == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if current == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try expect("]")
            return .array(elements)
        }
    }

    private mutating func number() throws(SyntaxError) -> StrictJSON {
        let start = position
        if current == UInt8(ascii: "-") { position += 1 }
        if current == UInt8(ascii: "0") {
            position += 1
        } else {
            try digits()
        }
        var isInteger = true
        if current == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            try digits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger {
            guard let integer = Int(text) else { throw error("integer \(text.prefix(40)) does not fit in 64 bits") }
            return .integer(integer)
        }
        guard let number = Double(text), number.isFinite else { throw error("number \(text.prefix(40)) is too large") }
        return .number(number)
    }

    private mutating func digits() throws(SyntaxError) {
        let start = position
        while let byte = current, byte >= 0x30 && byte <= 0x39 { position += 1 }
        if position == start { throw error("expected a value") }
    }

    private mutating func string() throws(SyntaxError) -> String {
        try expect("\"")
        var text: [UInt8] = []
        while true {
            guard let byte = current else { throw error("a string without end") }
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw error("not UTF-8") }
                return string
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw error("a control character inside a string")
            default: text.append(byte)
            }
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws(SyntaxError) {
        guard let byte = current else { throw error("a string without end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: Array(String(try escapedScalar()).utf8))
        default: throw error("unknown escape")
        }
    }

    private mutating func escapedScalar() throws(SyntaxError) -> Unicode.Scalar {
        let high = try hexadecimal()
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xDC00, current == UInt8(ascii: "\\") else { throw error("half of a surrogate pair") }
        position += 1
        try expect("u")
        let low = try hexadecimal()
        guard low >= 0xDC00, low < 0xE000, let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        else { throw error("half of a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(SyntaxError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("expected four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
