/// A token that is found in the text before anything else happens to it.
package struct AddedToken: Sendable, Equatable {
    /// The id.
    package let id: Int32
    /// The text it stands for.
    package let content: String
    /// Control tokens such as the end of a text; `decode` can leave them out.
    package let isSpecial: Bool
    /// Matches only between characters that are not of a word.
    let isSingleWord: Bool
    /// Takes the white space before it along.
    let stripsLeft: Bool
    /// Takes the white space after it along.
    let stripsRight: Bool
    /// Is looked for in the normalized text.
    let isNormalized: Bool
}

/// Finds added tokens in a text: leftmost first, longest of those that start together.
struct AddedTokenFinder: Sendable {
    private let tokens: [AddedToken]
    /// Children by node and byte.
    private var children: [UInt64: Int32] = [:]
    /// The token that ends at each node, or -1.
    private var ends: [Int32] = [-1]
    private var isFirst = [Bool](repeating: false, count: 256)

    /// Longer contents are refused, so that looking for them cannot be expensive.
    static let maximumLength = 1_024

    /// - Parameter spellings: What to look for, for each token.
    init(_ tokens: [AddedToken], spelled spellings: [[UInt8]]) {
        self.tokens = tokens
        for (index, spelling) in spellings.enumerated() where !spelling.isEmpty {
            var node: Int32 = 0
            for byte in spelling {
                let key = Self.key(node, byte)
                if let child = children[key] {
                    node = child
                } else {
                    node = Int32(ends.count)
                    ends.append(-1)
                    children[key] = node
                }
            }
            ends[Int(node)] = Int32(index)
            isFirst[Int(spelling[0])] = true
        }
    }

    /// A stretch of the text: an added token, or text between them.
    struct Stretch: Sendable {
        let range: Range<Int>
        let token: Int32?
    }

    /// Cuts the whole of `bytes` into added tokens and what stands between them.
    func stretches(of bytes: UnsafeBufferPointer<UInt8>) -> [Stretch] {
        guard !children.isEmpty else { return bytes.isEmpty ? [] : [Stretch(range: 0..<bytes.count, token: nil)] }
        var result: [Stretch] = []
        var end = 0
        var position = 0
        while position < bytes.count {
            guard isFirst[Int(bytes[position])], let (token, stop) = longestMatch(in: bytes, at: position) else {
                position += 1
                continue
            }
            let match = position..<stop
            position = stop
            guard !token.isSingleWord || Self.standsAlone(match, in: bytes) else { continue }
            let spaceStart = token.stripsLeft ? Self.spaceStart(before: match.lowerBound, in: bytes) : match.lowerBound
            let lower = token.stripsLeft ? max(end, spaceStart) : spaceStart
            let upper = token.stripsRight ? Self.spaceEnd(after: stop, in: bytes) : stop
            if end < lower { result.append(Stretch(range: end..<lower, token: nil)) }
            result.append(Stretch(range: min(lower, upper)..<upper, token: token.id))
            end = upper
        }
        if end < bytes.count { result.append(Stretch(range: end..<bytes.count, token: nil)) }
        return result
    }

    private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 { UInt64(node) << 8 | UInt64(byte) }

    private func longestMatch(in bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> (AddedToken, Int)? {
        var node: Int32 = 0
        var found: (AddedToken, Int)?
        var position = start
        while position < bytes.count, let child = children[Self.key(node, bytes[position])] {
            node = child
            position += 1
            if ends[Int(node)] >= 0 { found = (tokens[Int(ends[Int(node)])], position) }
        }
        return found
    }

    private static func standsAlone(_ range: Range<Int>, in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        func isWord(at index: Int) -> Bool {
            Unicode.Scalar(UTF8Text.scalar(in: bytes, at: index).value).map(ScalarSet.word.contains) ?? false
        }
        let before = range.lowerBound > 0 ? UTF8Text.start(ofScalarBefore: range.lowerBound, in: bytes) : nil
        if let before, isWord(at: before) { return false }
        return range.upperBound == bytes.count || !isWord(at: range.upperBound)
    }

    private static func isSpace(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
        Unicode.Scalar(UTF8Text.scalar(in: bytes, at: index).value)?.properties.isWhitespace ?? false
    }

    private static func spaceStart(before end: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var start = end
        while start > 0 {
            let previous = UTF8Text.start(ofScalarBefore: start, in: bytes)
            guard isSpace(bytes, at: previous) else { break }
            start = previous
        }
        return start
    }

    private static func spaceEnd(after start: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var end = start
        while end < bytes.count, isSpace(bytes, at: end) { end += UTF8Text.length(lead: bytes[end]) }
        return end
    }
}
