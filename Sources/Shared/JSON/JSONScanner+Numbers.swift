extension JSONScanner {
    /// Reads a whole number of a range, written without fraction and exponent.
    package mutating func integer(in range: ClosedRange<Int>) throws(JSONError) -> Int {
        let first = try peek()
        let start = position
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard first == UInt8(ascii: "-") || Self.isDigit(first) else {
            throw fault(found: describe(first), expected: expected)
        }
        let value = try number()
        guard case .integer(let integer) = value, range.contains(integer) else {
            throw fault(at: start, found: value.kind, expected: expected)
        }
        return integer
    }

    /// Reads a number: an integer where it is written as one and fits, else the nearest double.
    mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        skip(UInt8(ascii: "-"))
        let digits = position
        let magnitude = try integerPart(from: start)
        let hasFraction = try fraction()
        let hasExponent = try exponent()
        let isWhole = !hasFraction && !hasExponent
        if isWhole && position - digits < 19 { return .integer(digits == start ? magnitude : -magnitude) }
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
        if isWhole, let integer = Int(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else {
            throw fault(
                at: start, found: "the number \(text.prefix(40)), which is out of range",
                expected: "a number up to \(Double.greatestFiniteMagnitude)")
        }
        return .number(number)
    }

    /// The digits before a point. Their value is right only as long as there are fewer than 19.
    private mutating func integerPart(from start: Int) throws(JSONError) -> Int {
        let first = position
        var value = 0
        while position < bytes.count, Self.isDigit(bytes[position]) {
            value = value &* 10 &+ Int(bytes[position] &- UInt8(ascii: "0"))
            position += 1
        }
        guard position > first else {
            throw fault(
                at: start, found: start < bytes.count ? describe(bytes[start]) : Self.endOfText,
                expected: "a JSON value")
        }
        guard position == first + 1 || bytes[first] != UInt8(ascii: "0") else {
            throw fault(at: start, found: "a number that begins with 0", expected: "a JSON value")
        }
        return value
    }

    private mutating func fraction() throws(JSONError) -> Bool {
        guard skip(UInt8(ascii: ".")) else { return false }
        try someDigits("digits after the point")
        return true
    }

    private mutating func exponent() throws(JSONError) -> Bool {
        guard skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) else { return false }
        if !skip(UInt8(ascii: "+")) { skip(UInt8(ascii: "-")) }
        try someDigits("digits of the exponent")
        return true
    }

    private mutating func someDigits(_ expected: String) throws(JSONError) {
        let first = position
        while position < bytes.count, Self.isDigit(bytes[position]) { position += 1 }
        if position == first {
            throw fault(
                found: position < bytes.count ? describe(bytes[position]) : Self.endOfText, expected: expected)
        }
    }

    @discardableResult
    private mutating func skip(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
}
