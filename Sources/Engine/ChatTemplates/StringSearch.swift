/// Searching and cutting strings by their characters as Python sees them: Unicode scalars, not grapheme clusters.
enum StringSearch {
    typealias Scalars = [Unicode.Scalar]

    /// The index of the first occurrence of `part`, counted in scalars.
    static func first(_ part: String, in text: String) -> Int? {
        first(Scalars(part.unicodeScalars), in: Scalars(text.unicodeScalars), from: 0)
    }

    static func first(_ part: Scalars, in text: Scalars, from start: Int) -> Int? {
        guard !part.isEmpty else { return start <= text.count ? start : nil }
        var index = start
        while index + part.count <= text.count {
            if text[index] == part[0], text[index..<(index + part.count)].elementsEqual(part) { return index }
            index += 1
        }
        return nil
    }

    static func last(_ part: String, in text: String) -> Int? {
        let (part, text) = (Scalars(part.unicodeScalars), Scalars(text.unicodeScalars))
        var index = text.count - part.count
        while index >= 0 {
            if text[index..<(index + part.count)].elementsEqual(part) { return index }
            index -= 1
        }
        return nil
    }

    static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    /// Removes the given characters, or white space, from the ends.
    static func stripped(_ text: String, _ characters: String?, left: Bool, right: Bool) -> String {
        let set = characters.map { Set($0.unicodeScalars) }
        func isRemoved(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? isSpace(scalar) }
        var scalars = Scalars(text.unicodeScalars)[...]
        if left { scalars = scalars.drop(while: isRemoved) }
        if right { while let last = scalars.last, isRemoved(last) { scalars.removeLast() } }
        return string(scalars)
    }

    /// Python's `str.isspace` for one character.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }

    /// Python's `split`, from the left or from the right.
    static func split(_ text: String, _ separator: String?, maximum: Int, fromRight: Bool) -> [String] {
        let scalars = Scalars(text.unicodeScalars)
        let parts =
            separator.map { pieces(scalars, Scalars($0.unicodeScalars)) } ?? words(scalars)
        guard maximum >= 0, parts.count > maximum + 1 else { return parts.map { string(scalars[$0]) } }
        // Only the first or last cuts are made: the rest stays in one part.
        if fromRight {
            let kept = parts.suffix(maximum)
            let rest = parts[0].lowerBound..<parts[parts.count - maximum - 1].upperBound
            return [string(scalars[rest])] + kept.map { string(scalars[$0]) }
        }
        return parts.prefix(maximum).map { string(scalars[$0]) } + [string(scalars[parts[maximum].lowerBound...])]
    }

    private static func pieces(_ scalars: Scalars, _ separator: Scalars) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var start = 0
        while let index = first(separator, in: scalars, from: start) {
            parts.append(start..<index)
            start = index + separator.count
        }
        parts.append(start..<scalars.count)
        return parts
    }

    private static func words(_ scalars: Scalars) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var start: Int?
        for (index, scalar) in scalars.enumerated() {
            if isSpace(scalar) {
                if let begin = start { parts.append(begin..<index) }
                start = nil
            } else if start == nil {
                start = index
            }
        }
        if let start { parts.append(start..<scalars.count) }
        return parts
    }

    /// Replaces the first `count` occurrences; a negative count replaces all.
    static func replaced(_ text: String, _ old: String, _ new: String, count: Int) -> String {
        let (scalars, part) = (Scalars(text.unicodeScalars), Scalars(old.unicodeScalars))
        var result = Scalars()
        var start = 0
        var left = count
        while left != 0, let index = first(part, in: scalars, from: start) {
            result += scalars[start..<index]
            result += new.unicodeScalars
            left -= 1
            start = index + part.count
            if part.isEmpty {
                guard index < scalars.count else { return string(result) }
                result.append(scalars[index])
                start = index + 1
            }
        }
        return string(result + scalars[start...])
    }
}
