/// How a number is written: a sign or none, digits without a zero in front, and for one that is not whole a point with digits,
/// an exponent, or both. Read by hand, since a pattern takes longer for the numbers of a file than everything else.
struct NumberSpelling {
    /// Neither a point nor an exponent.
    let isWhole: Bool

    /// nil for a text that is no number.
    init?(_ text: String) {
        var rest = text.utf8[...]
        Self.skipSign(&rest)
        guard let first = rest.first else { return nil }
        let digits = Self.skipDigits(&rest)
        guard digits > 0, digits == 1 || first != UInt8(ascii: "0") else { return nil }
        isWhole = rest.isEmpty
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard Self.skipDigits(&rest) > 0 else { return nil }
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            Self.skipSign(&rest)
            guard Self.skipDigits(&rest) > 0 else { return nil }
        }
        guard rest.isEmpty else { return nil }
    }

    private static func skipSign(_ text: inout Substring.UTF8View) {
        if text.first == UInt8(ascii: "+") || text.first == UInt8(ascii: "-") { text = text.dropFirst() }
    }

    private static func skipDigits(_ text: inout Substring.UTF8View) -> Int {
        let digits = text.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        text = text.dropFirst(digits.count)
        return digits.count
    }
}
