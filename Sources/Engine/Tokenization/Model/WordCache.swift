/// Remembers the tokens of words that were met before.
///
/// Bounded: when full it starts again, so that no text can fill the memory.
struct WordCache: Sendable {
    private var words = ByteTable(minimumCapacity: WordCache.maximumCount)
    private var tokens: [PieceToken] = []
    /// Where the tokens of each word begin, and the end.
    private var starts: [Int] = [0]

    static let maximumCount = 1 << 15
    /// Longer pieces are not remembered.
    static let maximumLength = 48

    /// The tokens of a word, or nil when it is new.
    @inline(__always)
    func tokens(of word: UnsafeBufferPointer<UInt8>) -> ArraySlice<PieceToken>? {
        guard let entry = words.find(word) else { return nil }
        return tokens[starts[entry]..<starts[entry + 1]]
    }

    mutating func insert(_ word: UnsafeBufferPointer<UInt8>, _ new: ArraySlice<PieceToken>) {
        if words.count >= Self.maximumCount {
            words.removeAll()
            tokens.removeAll(keepingCapacity: true)
            starts.removeAll(keepingCapacity: true)
            starts.append(0)
        }
        _ = words.insert(word)
        tokens.append(contentsOf: new)
        starts.append(tokens.count)
    }
}
