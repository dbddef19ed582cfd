/// One token of a piece and the bytes of the piece it stands for.
struct PieceToken: Sendable {
    let id: Int32
    let start: Int32
    let end: Int32
}

/// Byte-pair encoding of one piece of text.
struct BytePairModel: Sendable {
    let vocabulary: Vocabulary
    let merges: MergeTable
    /// The token for characters outside the vocabulary; nil drops them.
    let unknown: Int32?
    /// Neighbouring unknown characters become one token.
    let fusesUnknown: Bool
    /// Unknown characters become `<0xHH>` tokens when there is one for each of their bytes.
    let usesByteFallback: Bool
    /// A piece that is a token is not built from merges.
    let ignoresMerges: Bool

    /// The token of each one-byte character, or -1; by bytes of the byte-level alphabet when that is in use.
    private let ofByte: [Int32]
    /// The `<0xHH>` token of each byte, or -1.
    private let fallbacks: [Int32]
    private let view: Pattern.View
    /// Pairs of characters that some merge joins; a text can be cut between all others without changing its tokens.
    private let joinable: MergeTable

    init(
        vocabulary: Vocabulary, merges: MergeTable, unknown: Int32?, fusesUnknown: Bool, usesByteFallback: Bool,
        ignoresMerges: Bool, view: Pattern.View
    ) {
        self.vocabulary = vocabulary
        self.merges = merges
        self.unknown = unknown
        self.fusesUnknown = fusesUnknown
        self.usesByteFallback = usesByteFallback
        self.ignoresMerges = ignoresMerges
        self.view = view
        ofByte = (0..<256).map { byte in
            let spelling = view == .byteLevel ? ByteLevelAlphabet.spellings[byte] : [UInt8(byte)]
            return vocabulary.id(of: spelling) ?? -1
        }
        fallbacks = (0..<256).map { vocabulary.id(of: Self.fallbackToken(of: UInt8($0))) ?? -1 }
        joinable = merges.joinedCharacters(symbols: Set(fallbacks + [unknown ?? -1]))
    }

    // MARK: Byte fallback

    /// The spelling of a byte without a character.
    static func fallbackToken(of byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
    }

    /// The byte that a spelling such as `<0x0A>` stands for, or nil.
    static func byte(ofFallbackToken token: [UInt8]) -> UInt8? {
        guard token.count == 6, token.starts(with: Array("<0x".utf8)), token[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
    }

    // MARK: Encoding

    /// Appends the tokens of one piece.
    func encode(_ piece: UnsafeBufferPointer<UInt8>, _ scratch: inout MergeScratch, to tokens: inout [PieceToken]) {
        if ignoresMerges, let id = wholeToken(piece) {
            tokens.append(PieceToken(id: id, start: 0, end: Int32(piece.count)))
            return
        }
        scratch.symbols.removeAll(keepingCapacity: true)
        appendSymbols(of: piece, to: &scratch.symbols)
        mergeAll(&scratch)
        for symbol in scratch.symbols where symbol.id >= 0 {
            tokens.append(PieceToken(id: symbol.id, start: symbol.start, end: symbol.end))
        }
    }

    private func wholeToken(_ piece: UnsafeBufferPointer<UInt8>) -> Int32? {
        view == .byteLevel ? vocabulary.id(of: ByteLevelAlphabet.encode(piece)) : vocabulary.id(of: piece)
    }

    /// The characters of the piece as tokens, before any merge.
    private func appendSymbols(of piece: UnsafeBufferPointer<UInt8>, to symbols: inout [MergeScratch.Symbol]) {
        var pending: Range<Int>?
        func flushUnknown() {
            if let range = pending, let unknown { symbols.append(.init(unknown, range)) }
            pending = nil
        }
        var position = 0
        while position < piece.count {
            let lead = piece[position]
            let length = view == .byteLevel ? 1 : UTF8Text.length(lead: lead)
            let range = position..<(position + length)
            position += length
            let id =
                length == 1
                ? ofByte[Int(lead)] : vocabulary.id(of: UnsafeBufferPointer(rebasing: piece[range])) ?? -1
            if id >= 0 {
                flushUnknown()
                symbols.append(.init(id, range))
            } else if usesByteFallback, appendFallback(piece, range, to: &symbols) {
                // As in the library, an unknown character that waits to be fused stays behind these bytes.
                continue
            } else if let waiting = pending, fusesUnknown {
                pending = waiting.lowerBound..<range.upperBound
            } else {
                flushUnknown()
                pending = range
            }
        }
        flushUnknown()
    }

    private func appendFallback(
        _ piece: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, to symbols: inout [MergeScratch.Symbol]
    ) -> Bool {
        if view == .byteLevel {
            let spelling = ByteLevelAlphabet.spellings[Int(piece[range.lowerBound])]
            guard spelling.allSatisfy({ fallbacks[Int($0)] >= 0 }) else { return false }
            for byte in spelling { symbols.append(.init(fallbacks[Int(byte)], range)) }
            return true
        }
        guard range.allSatisfy({ fallbacks[Int(piece[$0])] >= 0 }) else { return false }
        for index in range { symbols.append(.init(fallbacks[Int(piece[index])], index..<(index + 1))) }
        return true
    }

    // MARK: Merging

    /// Merges every stretch of characters that merges can join.
    private func mergeAll(_ scratch: inout MergeScratch) {
        var start = 0
        while start < scratch.symbols.count {
            var end = start + 1
            while end < scratch.symbols.count,
                joinable.rank(scratch.symbols[end - 1].id, scratch.symbols[end].id) != nil
            {
                end += 1
            }
            if end - start > 1 { merge(start..<end, &scratch) }
            start = end
        }
    }

    /// Merges the pair of lowest rank, leftmost first, until no pair of the stretch merges.
    private func merge(_ stretch: Range<Int>, _ scratch: inout MergeScratch) {
        scratch.queue.removeAll()
        for index in stretch {
            scratch.symbols[index].previous = index > stretch.lowerBound ? Int32(index - 1) : -1
            scratch.symbols[index].next = index + 1 < stretch.upperBound ? Int32(index + 1) : -1
            if index > stretch.lowerBound { offer(index - 1, index, &scratch) }
        }
        while let (rank, position) = scratch.queue.popMinimum() {
            let left = scratch.symbols[position]
            guard left.id >= 0, left.next >= 0 else { continue }
            let right = scratch.symbols[Int(left.next)]
            let result = merges.results[Int(rank)]
            // The entry is stale unless the pair that stands here now makes the same token.
            guard let current = merges.rank(left.id, right.id), merges.results[Int(current)] == result else { continue }
            scratch.symbols[Int(left.next)].id = -1
            scratch.symbols[position].id = result
            scratch.symbols[position].end = right.end
            scratch.symbols[position].next = right.next
            if right.next >= 0 {
                scratch.symbols[Int(right.next)].previous = Int32(position)
                offer(position, Int(right.next), &scratch)
            }
            if left.previous >= 0 { offer(Int(left.previous), position, &scratch) }
        }
    }

    /// Queues the merge of two neighbours, if they have one.
    @inline(__always)
    private func offer(_ left: Int, _ right: Int, _ scratch: inout MergeScratch) {
        if let rank = merges.rank(scratch.symbols[left].id, scratch.symbols[right].id) {
            scratch.queue.insert(rank, left)
        }
    }
}

/// Working memory of one encoding.
struct MergeScratch: Sendable {
    /// A part of the piece in a doubly linked list; a negative id marks a part that was merged away.
    struct Symbol: Sendable {
        var id: Int32
        var start: Int32
        var end: Int32
        var previous: Int32 = -1
        var next: Int32 = -1

        init(_ id: Int32, _ range: Range<Int>) {
            self.id = id
            start = Int32(range.lowerBound)
            end = Int32(range.upperBound)
        }
    }

    var symbols: [Symbol] = []
    var queue = MergeQueue()
}
