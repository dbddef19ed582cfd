/// The backslash escapes of patterns.
enum PatternEscape: Sendable {
    /// Reads the escape whose backslash stands before `position`.
    static func read(
        from scalars: [UInt32], at position: inout Int, inBracket: Bool
    ) throws(PatternError) -> ScalarSet {
        let start = position - 1
        guard position < scalars.count, let letter = Unicode.Scalar(scalars[position]) else {
            throw fault("a backslash at the end", "an escape", start)
        }
        position += 1
        switch letter {
        case "r": return ScalarSet(scalar: 0x0D)
        case "n": return ScalarSet(scalar: 0x0A)
        case "t": return ScalarSet(scalar: 0x09)
        case "f": return ScalarSet(scalar: 0x0C)
        case "v": return ScalarSet(scalar: 0x0B)
        case "s": return .whitespace
        case "S": return .whitespace.negated
        case "d": return .decimalDigits
        case "D": return .decimalDigits.negated
        case "w": return .word
        case "W": return .word.negated
        case "p", "P": return try property(scalars, &position, isNegated: letter == "P", start)
        case "x":
            let isBraced = position < scalars.count && scalars[position] == 0x7B
            return try hexadecimal(scalars, &position, digits: isBraced ? nil : 2, start)
        case "u": return try hexadecimal(scalars, &position, digits: 4, start)
        default:
            let isLetter = letter.isASCII && (letter.properties.isAlphabetic || ("0"..."9").contains(letter))
            if isLetter { throw fault("the escape \\\(letter)", "\\p{…}, \\s, \\d, \\w, \\r, \\n, \\t", start) }
            return ScalarSet(scalar: letter.value)
        }
    }

    private static func property(
        _ scalars: [UInt32], _ position: inout Int, isNegated: Bool, _ start: Int
    ) throws(PatternError) -> ScalarSet {
        guard position < scalars.count, scalars[position] == 0x7B,
            let close = scalars[position...].firstIndex(of: 0x7D)
        else { throw fault("a \\p without braces", "\\p{L} and the like", start) }
        var name = scalars[(position + 1)..<close]
        position = close + 1
        let isInverted = name.first == 0x5E
        if isInverted { name = name.dropFirst() }
        let text = String(String.UnicodeScalarView(name.compactMap(Unicode.Scalar.init)))
        guard let categories = GeneralCategory.named(text) else {
            throw fault("the property \\p{\(text)}", "a general category such as L, Lu, N, P, S, M or Z", start)
        }
        let set = ScalarSet(categories: GeneralCategory.mask(categories))
        return isNegated != isInverted ? set.negated : set
    }

    private static func hexadecimal(
        _ scalars: [UInt32], _ position: inout Int, digits: Int?, _ start: Int
    ) throws(PatternError) -> ScalarSet {
        if digits == nil { position += 1 }
        var value: UInt32 = 0
        var count = 0
        while position < scalars.count, count < digits ?? 8, let scalar = Unicode.Scalar(scalars[position]),
            scalar.isASCII, let digit = Character(scalar).hexDigitValue
        {
            value = value << 4 | UInt32(digit)
            count += 1
            position += 1
        }
        let isClosed = digits != nil || (position < scalars.count && scalars[position] == 0x7D)
        if digits == nil { position += 1 }
        guard isClosed, count == digits ?? max(count, 1), Unicode.Scalar(value) != nil else {
            throw fault("an incomplete character number", "\\xHH, \\x{H…} or \\uHHHH", start)
        }
        return ScalarSet(scalar: value)
    }

    private static func fault(_ found: String, _ expected: String, _ start: Int) -> PatternError {
        PatternError(found: "\(found) at character \(start + 1)", expected: expected)
    }
}
