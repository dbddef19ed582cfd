extension JSONScanner {
    /// Reads a string.
    package mutating func string() throws(JSONError) -> String {
        try expect("\"", "a string")
        let start = position
        skipPlainBytes()
        if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
            position += 1
            return String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position - 1]), as: UTF8.self)
        }
        var text = Array(bytes[start..<position])
        try restOfString(into: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads a string and appends its UTF-8 bytes.
    package mutating func string(into target: inout [UInt8]) throws(JSONError) {
        try expect("\"", "a string")
        try restOfString(into: &target)
    }

    private mutating func restOfString(into target: inout [UInt8]) throws(JSONError) {
        while true {
            let start = position
            skipPlainBytes()
            target.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<position]))
            guard position < bytes.count else {
                throw fault(found: "\(Self.endOfText) inside a string", expected: "a closing quotation mark")
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

    /// Goes on to the next quotation mark, backslash or control character.
    private mutating func skipPlainBytes() {
        let bytes = bytes
        var place = position
        while place < bytes.count {
            let byte = bytes[place]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
            place += 1
        }
        position = place
    }

    private mutating func escape(into target: inout [UInt8]) throws(JSONError) {
        let start = position
        position += 1
        guard position < bytes.count else { throw fault(found: Self.endOfText, expected: "an escape") }
        let letter = bytes[position]
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): target.append(letter)
        case UInt8(ascii: "n"): target.append(0x0A)
        case UInt8(ascii: "r"): target.append(0x0D)
        case UInt8(ascii: "t"): target.append(0x09)
        case UInt8(ascii: "b"): target.append(0x08)
        case UInt8(ascii: "f"): target.append(0x0C)
        case UInt8(ascii: "u"): UTF8.encode(try escapedScalar(from: start)).map { target.append(contentsOf: $0) }
        default: throw fault(at: start, found: "the escape \\ with \(describe(letter))", expected: "a JSON escape")
        }
    }

    private mutating func escapedScalar(from start: Int) throws(JSONError) -> Unicode.Scalar {
        let unit = try hexadecimal()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        let isPair =
            unit < 0xDC00 && position + 1 < bytes.count && bytes[position] == UInt8(ascii: "\\")
            && bytes[position + 1] == UInt8(ascii: "u")
        if isPair {
            position += 2
            let second = try hexadecimal()
            if second & 0xFC00 == 0xDC00,
                let scalar = Unicode.Scalar(0x10000 + (unit & 0x3FF) << 10 + (second & 0x3FF))
            {
                return scalar
            }
        }
        throw fault(at: start, found: "half of a surrogate pair", expected: "\\u escapes that form a character")
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count, bytes[position] < 0x80,
                let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue
            else { throw fault(found: "something else", expected: "four hexadecimal digits after \\u") }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
