/// The text of one stretch between added tokens, cut into the pieces that the model encodes one by one.
struct Pieces: Sendable {
    var text: AlignedText
    var ranges: [Range<Int>]
    /// Whether the bytes count as characters of the byte-level alphabet from here on.
    var view = Pattern.View.text
}

/// The second stage: cuts the text into words.
enum PreTokenizer: Sendable {
    case split(Pattern, SplitBehavior, isInverted: Bool)
    case byteLevel(addsPrefixSpace: Bool, pattern: Pattern?)
    case metaspace(Metaspace)

    /// Runs the step over all pieces.
    ///
    /// - Parameter scratch: Working memory, reused between calls.
    func apply(to pieces: inout Pieces, _ scratch: inout SplitScratch) {
        switch self {
        case .split(let pattern, let behavior, let isInverted):
            pieces.split(by: pattern, behavior, isInverted: isInverted, &scratch)
        case .byteLevel(let addsPrefixSpace, let pattern):
            if addsPrefixSpace {
                pieces.prefix(with: [0x20]) { bytes, _ in bytes.first != 0x20 }
            }
            if let pattern { pieces.split(by: pattern, .isolated, isInverted: false, &scratch) }
            pieces.view = .byteLevel
        case .metaspace(let metaspace):
            metaspace.apply(to: &pieces, &scratch)
        }
    }
}

/// Working memory of splitting.
struct SplitScratch: Sendable {
    var notes: [UInt16] = []
    var matches: [Range<Int>] = []
}

/// SentencePiece's way of marking words: spaces become a visible character, and one may be put first.
struct Metaspace: Sendable {
    enum PrependScheme: String, Sendable {
        case always, never, first
    }

    /// The visible character, as UTF-8.
    let replacement: [UInt8]
    let scheme: PrependScheme
    /// Nil: the text is not split at the visible character.
    let splitter: Pattern?
    private let space: Pattern

    init(replacement: UInt32, scheme: PrependScheme, splits: Bool) throws(PatternError) {
        var bytes: [UInt8] = []
        UTF8Text.append(replacement, to: &bytes)
        self.replacement = bytes
        self.scheme = scheme
        splitter = splits ? try Pattern(anyOf: ScalarSet(scalar: replacement), named: "the replacement") : nil
        space = try Pattern(anyOf: ScalarSet(scalar: 0x20), named: "a space")
    }

    func apply(to pieces: inout Pieces, _ scratch: inout SplitScratch) {
        pieces.replace(space, with: replacement)
        if scheme != .never {
            pieces.prefix(with: replacement) { bytes, origin in
                !bytes.starts(with: replacement) && (scheme == .always || origin == 0)
            }
        }
        if let splitter { pieces.split(by: splitter, .mergedWithNext, isInverted: false, &scratch) }
    }
}

extension Pieces {
    /// Cuts every piece at the matches of a pattern.
    mutating func split(
        by pattern: Pattern, _ behavior: SplitBehavior, isInverted: Bool, _ scratch: inout SplitScratch
    ) {
        var result: [Range<Int>] = []
        result.reserveCapacity(max(ranges.count, text.bytes.count / 4))
        text.bytes.withUnsafeBufferPointer { bytes in
            for range in ranges {
                scratch.matches.removeAll(keepingCapacity: true)
                pattern.appendMatches(in: bytes, range, as: view, notes: &scratch.notes, to: &scratch.matches)
                behavior.appendPieces(of: range, cutAt: scratch.matches, isInverted: isInverted, to: &result)
            }
        }
        ranges = result
    }

    /// Puts `prefix` before every piece for which `condition` holds, given its bytes and its offset in the input.
    fileprivate mutating func prefix(with prefix: [UInt8], where condition: (ArraySlice<UInt8>, Int) -> Bool) {
        let isNeeded = ranges.contains { condition(text.bytes[$0], text.origin(of: $0).lowerBound) }
        guard isNeeded else { return }
        rewrite { text, range, result in
            if condition(text.bytes[range], text.origin(of: range).lowerBound) {
                result.append(prefix, from: text, range.lowerBound..<range.lowerBound)
            }
            result.copy(range, of: text)
        }
    }

    fileprivate mutating func replace(_ pattern: Pattern, with content: [UInt8]) {
        rewrite { text, range, result in
            var notes: [UInt16] = []
            var matches: [Range<Int>] = []
            text.bytes.withUnsafeBufferPointer {
                _ = pattern.appendMatches(in: $0, range, as: .text, notes: &notes, to: &matches)
            }
            var end = range.lowerBound
            for match in matches {
                result.copy(end..<match.lowerBound, of: text)
                result.append(content, from: text, match)
                end = match.upperBound
            }
            result.copy(end..<range.upperBound, of: text)
        }
    }

    private mutating func rewrite(_ body: (AlignedText, Range<Int>, inout AlignedText) -> Void) {
        var result = AlignedText(rewriting: text)
        var moved: [Range<Int>] = []
        for range in ranges {
            let start = result.bytes.count
            body(text, range, &result)
            moved.append(start..<result.bytes.count)
        }
        text = result
        ranges = moved
    }
}
