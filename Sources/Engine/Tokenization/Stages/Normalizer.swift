/// The first stage: rewrites the text before it is split.
indirect enum Normalizer: Sendable {
    case sequence([Normalizer])
    case unicode(NormalizationForm)
    case lowercase
    case prepend([UInt8])
    case replace(Pattern, [UInt8])
    case strip(left: Bool, right: Bool)
    case stripAccents

    func apply(to text: AlignedText) -> AlignedText {
        switch self {
        case .sequence(let steps): steps.reduce(text) { $1.apply(to: $0) }
        case .unicode(let form): form.apply(to: text)
        case .lowercase: lowercased(text)
        case .prepend(let prefix): prepended(text, prefix)
        case .replace(let pattern, let content): text.replacing(pattern, with: content)
        case .strip(let left, let right): stripped(text, left, right)
        case .stripAccents: withoutMarks(text)
        }
    }

    private func prepended(_ text: AlignedText, _ prefix: [UInt8]) -> AlignedText {
        guard !text.bytes.isEmpty else { return text }
        var result = AlignedText(rewriting: text)
        result.append(prefix, from: text, 0..<0)
        result.copy(0..<text.bytes.count, of: text)
        return result
    }

    private func lowercased(_ text: AlignedText) -> AlignedText {
        var result = AlignedText(rewriting: text)
        text.forEachScalar { scalar, range in
            result.append(Array(scalar.properties.lowercaseMapping.utf8), from: text, range)
        }
        return result
    }

    private func stripped(_ text: AlignedText, _ left: Bool, _ right: Bool) -> AlignedText {
        var kept: Range<Int>?
        text.forEachScalar { scalar, range in
            if !scalar.properties.isWhitespace { kept = (kept?.lowerBound ?? range.lowerBound)..<range.upperBound }
        }
        var result = AlignedText(rewriting: text)
        if let kept {
            result.copy((left ? kept.lowerBound : 0)..<(right ? kept.upperBound : text.bytes.count), of: text)
        }
        return result
    }

    private func withoutMarks(_ text: AlignedText) -> AlignedText {
        var result = AlignedText(rewriting: text)
        text.forEachScalar { scalar, range in
            // Like the normalization forms, the library's mark test knows Unicode 9; two signs became letters later.
            let isMark = ScalarSet.marks.contains(scalar) && NormalizationTables.isKnown(scalar)
            if !isMark, !(0x1CF2...0x1CF3).contains(scalar.value) { result.copy(range, of: text) }
        }
        return result
    }
}

extension AlignedText {
    /// Replaces every match of `pattern`.
    func replacing(_ pattern: Pattern, with content: [UInt8]) -> AlignedText {
        var matches: [Range<Int>] = []
        var notes: [UInt16] = []
        bytes.withUnsafeBufferPointer {
            _ = pattern.appendMatches(in: $0, 0..<$0.count, as: .text, notes: &notes, to: &matches)
        }
        guard !matches.isEmpty else { return self }
        var result = AlignedText(rewriting: self)
        var end = 0
        for match in matches {
            result.copy(end..<match.lowerBound, of: self)
            result.append(content, from: self, match)
            end = match.upperBound
        }
        result.copy(end..<bytes.count, of: self)
        return result
    }

    func forEachScalar(_ body: (Unicode.Scalar, Range<Int>) -> Void) {
        bytes.withUnsafeBufferPointer { bytes in
            var position = 0
            while position < bytes.count {
                let (value, length) = UTF8Text.scalar(in: bytes, at: position)
                if let scalar = Unicode.Scalar(value) { body(scalar, position..<(position + length)) }
                position += length
            }
        }
    }
}
