/// Reads the tokens of one tag.
struct TokenScanner {
    let source: [UInt8]
    private(set) var position: Int
    private(set) var line: Int

    init(source: [UInt8], position: Int, line: Int) {
        self.source = source
        self.position = position
        self.line = line
    }

    private static let symbols = [
        "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "(", ")", "[", "]", "{", "}", ",", ".", ":",
        "|", "<", ">", "=",
    ].map { Array($0.utf8) }

    /// Reads up to the closing delimiter; also returns the sign before it, or 0.
    mutating func tokens(
        until end: [UInt8], openedAt start: Int
    ) throws(ChatTemplateError) -> (tokens: [Token], sign: UInt8) {
        var tokens: [Token] = []
        /// Open brackets: inside them a delimiter is a pair of brackets.
        var depth = 0
        while true {
            skipSpace()
            guard position < source.count else {
                throw ChatTemplateError(.syntax, line: start, "a tag that does not end")
            }
            if depth == 0, let sign = closing(end) { return (tokens, sign) }
            let token = try next()
            if case .symbol(let symbol) = token.kind {
                if ["(", "[", "{"].contains(symbol) { depth += 1 }
                if [")", "]", "}"].contains(symbol) { depth -= 1 }
            }
            tokens.append(token)
        }
    }

    private mutating func closing(_ end: [UInt8]) -> UInt8? {
        let byte = source[position]
        let hasSign = byte == UInt8(ascii: "-") || (byte == UInt8(ascii: "+") && end[0] == UInt8(ascii: "%"))
        let start = hasSign ? position + 1 : position
        guard source[start...].starts(with: end) else { return nil }
        position = start + end.count
        return hasSign ? byte : 0
    }

    private mutating func skipSpace() {
        while position < source.count, source[position] == 0x20 || (0x09...0x0D).contains(source[position]) {
            if source[position] == 0x0A { line += 1 }
            position += 1
        }
    }

    private mutating func next() throws(ChatTemplateError) -> Token {
        let byte = source[position]
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { return try string(byte) }
        if Self.isDigit(byte) { return try number() }
        if Self.isLetter(byte) {
            let start = position
            while position < source.count, Self.isLetter(source[position]) || Self.isDigit(source[position]) {
                position += 1
            }
            return Token(kind: .name(String(decoding: source[start..<position], as: UTF8.self)), line: line)
        }
        for symbol in Self.symbols where source[position...].starts(with: symbol) {
            position += symbol.count
            return Token(kind: .symbol(String(decoding: symbol, as: UTF8.self)), line: line)
        }
        let text = String(decoding: source[position...].prefix(4), as: UTF8.self).prefix(1)
        throw ChatTemplateError(.syntax, line: line, "the character '\(text)' in a tag")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F || byte >= 0x80
    }

    private mutating func number() throws(ChatTemplateError) -> Token {
        let start = position
        func digits() {
            while position < source.count, Self.isDigit(source[position]) || source[position] == UInt8(ascii: "_") {
                position += 1
            }
        }
        digits()
        var isWhole = true
        if position + 1 < source.count, source[position] == UInt8(ascii: "."), Self.isDigit(source[position + 1]) {
            isWhole = false
            position += 1
            digits()
        }
        if position + 1 < source.count, source[position] | 0x20 == UInt8(ascii: "e") {
            let hasSign = source[position + 1] == UInt8(ascii: "-") || source[position + 1] == UInt8(ascii: "+")
            let first = position + (hasSign ? 2 : 1)
            if first < source.count, Self.isDigit(source[first]) {
                isWhole = false
                position = first
                digits()
            }
        }
        let text = String(decoding: source[start..<position].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
        if isWhole, let value = Int(text) { return Token(kind: .integer(value), line: line) }
        if !isWhole, let value = Double(text) { return Token(kind: .number(value), line: line) }
        throw ChatTemplateError(.syntax, line: line, "the number \(text)")
    }

    private mutating func string(_ quote: UInt8) throws(ChatTemplateError) -> Token {
        let start = line
        position += 1
        var bytes: [UInt8] = []
        while position < source.count, source[position] != quote {
            if source[position] == 0x0A { line += 1 }
            if source[position] == UInt8(ascii: "\\"), position + 1 < source.count {
                try escape(into: &bytes)
            } else {
                bytes.append(source[position])
                position += 1
            }
        }
        guard position < source.count else {
            throw ChatTemplateError(.syntax, line: start, "a string that does not end")
        }
        position += 1
        return Token(kind: .string(String(decoding: bytes, as: UTF8.self)), line: start)
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(ChatTemplateError) {
        let letter = source[position + 1]
        position += 2
        switch letter {
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "v"): bytes.append(0x0B)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "a"): bytes.append(0x07)
        case UInt8(ascii: "0"): bytes.append(0)
        case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): bytes.append(letter)
        case 0x0A: line += 1
        case UInt8(ascii: "x"): try hexadecimal(2, into: &bytes)
        case UInt8(ascii: "u"): try hexadecimal(4, into: &bytes)
        case UInt8(ascii: "U"): try hexadecimal(8, into: &bytes)
        default:
            // As in Python, an unknown escape stands for itself.
            bytes += [UInt8(ascii: "\\"), letter]
        }
    }

    private mutating func hexadecimal(_ count: Int, into bytes: inout [UInt8]) throws(ChatTemplateError) {
        let digits = String(decoding: source[position...].prefix(count), as: UTF8.self)
        guard digits.utf8.count == count, let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value)
        else { throw ChatTemplateError(.syntax, line: line, "an incomplete escape in a string") }
        bytes += Array(String(scalar).utf8)
        position += count
    }
}
