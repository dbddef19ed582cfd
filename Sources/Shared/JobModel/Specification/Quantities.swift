/// A span of time. Durations in files and messages are whole milliseconds.
package struct Milliseconds: Sendable, Hashable, Comparable, Codable {
    /// The length.
    package var value: Int64

    /// `value` milliseconds.
    package init(_ value: Int64) { self.value = value }

    /// Whole seconds.
    package init(seconds: Int64) { value = seconds * 1000 }

    /// Seconds, for clocks that count in them.
    package var seconds: Double { Double(value) / 1000 }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }

    package init(from decoder: any Decoder) throws { value = try Int64(from: decoder) }

    package func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
}

extension Milliseconds: CustomStringConvertible {
    private static let units: [(name: String, length: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// In the grammar of specifications, largest units first: `1h30min`.
    package var description: String {
        var rest = value
        var text = ""
        for unit in Self.units where rest >= unit.length {
            text += "\(rest / unit.length)\(unit.name)"
            rest %= unit.length
        }
        return text.isEmpty ? "0s" : text
    }

    /// A duration as specifications write it: whole numbers with units `d`, `h`, `min`, `s`, `ms`, largest first
    /// (`36h`, `1h30min`); nil if the text is none.
    package init?(_ text: String) {
        var total: Int64 = 0
        var rest = Substring(text)
        var smallest = Self.units.startIndex
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let name = rest.dropFirst(digits.count).prefix { $0.isASCII && $0.isLetter }
            guard let count = Int64(digits),
                let index = Self.units[smallest...].firstIndex(where: { $0.name == name })
            else { return nil }
            let (length, overflow) = count.multipliedReportingOverflow(by: Self.units[index].length)
            let (sum, overflowOfSum) = total.addingReportingOverflow(length)
            if overflow || overflowOfSum { return nil }
            total = sum
            smallest = index + 1
            rest = rest.dropFirst(digits.count + name.count)
        }
        value = total
    }
}

/// A number of bytes.
package struct ByteSize: Sendable, Hashable, CustomStringConvertible {
    /// The number.
    package var bytes: Int64

    /// `bytes` bytes.
    package init(_ bytes: Int64) { self.bytes = bytes }

    private static let units: [(name: String, size: Int64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000), ("B", 1),
    ]

    /// A size as specifications write it: a number and one of `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`;
    /// nil if the text is none, or not a whole number of bytes.
    package init?(_ text: String) {
        guard let match = text.wholeMatch(of: #/(\d{1,15})(?:\.(\d{1,6}))?([A-Za-z]{1,3})/#),
            let unit = Self.units.first(where: { $0.name == match.3 }), let whole = Int64(match.1)
        else { return nil }
        let (size, overflow) = whole.multipliedReportingOverflow(by: unit.size)
        if overflow { return nil }
        var fraction: Int64 = 0
        if let digits = match.2, let numerator = Int64(digits) {
            let denominator = repeatElement(Int64(10), count: digits.count).reduce(1, *)
            fraction = Int64((Double(numerator) / Double(denominator) * Double(unit.size)).rounded())
        }
        let (sum, overflowOfSum) = size.addingReportingOverflow(fraction)
        if overflowOfSum { return nil }
        bytes = sum
    }

    /// In the largest binary unit, with one digit after the point: `1.5 GiB`.
    package var description: String {
        guard let unit = Self.units.prefix(4).first(where: { bytes >= $0.size }) else { return "\(bytes) B" }
        let tenths = (Double(bytes) / Double(unit.size) * 10).rounded() / 10
        return "\(tenths) \(unit.name)"
    }
}
