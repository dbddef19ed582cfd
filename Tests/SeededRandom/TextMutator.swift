/// Makes broken and strange texts out of good ones, the same for the same seed.
///
/// It knows what the formats are made of (numbers, quoted strings, brackets, lines), since random bytes alone are
/// refused at the first glance.
package struct TextMutator {
    private var random: SplitMix64
    private let seeds: [[UInt8]]
    private let words: [[UInt8]]

    /// Equal seeds give equal texts.
    ///
    /// - Parameters:
    ///   - seeds: good texts to begin with.
    ///   - words: what the format is made of, beside what is strange everywhere.
    package init(seed: UInt64, _ seeds: [[UInt8]], words: [String] = []) {
        random = SplitMix64(seed)
        self.seeds = seeds
        self.words = (words + Self.strange).map { Array($0.utf8) }
    }

    private static let strange = [
        "0", "-0", "-1", "1", "010", "0x10", "1e-5", "1e309", "-1e309", "2147483648", "4294967296", "9223372036854775807",
        "9223372036854775808", "-9223372036854775808", "18446744073709551616", "0.1e1", ".5", "5.", "NaN", "nan", "Infinity",
        "null", "~", "true", "yes", "on", "\"\"", "''", "[]", "{}", "[[", "]]", "{\"", "\":", ",,", "\\ud800", "\\udfff\\ud800",
        "\\u0000", "\u{0}", "\u{FEFF}", "\u{202E}", "\u{1F469}\u{200D}\u{1F469}", "e\u{301}", "&a", "*a", "<<: ", "!!int ",
        "---\n", "...\n", "? ", "- ", "|\n", ">\n", "%YAML 1.1\n", "\t", "\r\n", "../../etc/passwd", "/etc/shadow",
        "$(id)", "\u{1B}[31m", "__metadata__", "version: 2\n",
    ]

    /// The next text.
    package mutating func next() -> [UInt8] {
        var bytes = seeds[below(seeds.count)]
        for _ in 0...below(random.next() % 8 == 0 ? 24 : 4) { mutate(&bytes) }
        return bytes
    }

    /// A number of 0 ..< `bound`, or 0.
    package mutating func below(_ bound: Int) -> Int { random.below(max(1, bound)) }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        let place = below(bytes.count + 1)
        switch below(14) {
        case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8(below(8)) }
        case 1: if place < bytes.count { bytes[place] = UInt8(below(256)) }
        case 2: bytes.insert(UInt8(below(256)), at: place)
        case 3: bytes.removeSubrange(range(bytes, 40))
        case 4: bytes.insert(contentsOf: bytes[range(bytes, 60)], at: place)
        case 5: bytes.insert(contentsOf: words[below(words.count)], at: place)
        case 6, 7: replaceToken(&bytes) { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".") }
        case 8: replaceToken(&bytes) { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: ":") }
        case 9:
            let other = seeds[below(seeds.count)]
            bytes.insert(contentsOf: other[range(other, 200)], at: place)
        case 10: bytes.removeLast(below(bytes.count + 1))
        case 11:
            let open = [UInt8(ascii: "["), UInt8(ascii: "{")][below(2)]
            bytes.insert(contentsOf: repeatElement(open, count: 1 << below(9)), at: place)
        case 12: swapLines(&bytes)
        default: repeatLine(&bytes)
        }
        if bytes.count > 1 << 16 { bytes.removeLast(bytes.count - 1 << 16) }
    }

    private mutating func range(_ bytes: [UInt8], _ longest: Int) -> Range<Int> {
        let start = below(bytes.count + 1)
        return start..<min(bytes.count, start + below(longest))
    }

    /// Puts a strange word in the place of a run of bytes of one kind.
    private mutating func replaceToken(_ bytes: inout [UInt8], _ belongs: (UInt8) -> Bool) {
        let starts = bytes.indices.filter { belongs(bytes[$0]) && ($0 == 0 || !belongs(bytes[$0 - 1])) }
        guard !starts.isEmpty else { return }
        let start = starts[below(starts.count)]
        let end = bytes[start...].firstIndex { !belongs($0) } ?? bytes.count
        bytes.replaceSubrange(start..<end, with: words[below(words.count)])
    }

    private mutating func swapLines(_ bytes: inout [UInt8]) {
        var lines = bytes.split(separator: 10, omittingEmptySubsequences: false).map(Array.init)
        lines.swapAt(below(lines.count), below(lines.count))
        bytes = Array(lines.joined(separator: [10]))
    }

    private mutating func repeatLine(_ bytes: inout [UInt8]) {
        let lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
        bytes += [10] + lines[below(lines.count)]
    }
}
