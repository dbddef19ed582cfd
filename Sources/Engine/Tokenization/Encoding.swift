import Synchronization

/// The ids of a text and the part of the text each stands for.
package struct Encoding: Sendable, Equatable {
    /// Token ids.
    package var ids: [Int32] = []
    /// For each token the range of UTF-8 bytes of the input; tokens that were added around the text have empty ranges.
    package var ranges: [Range<Int>] = []
}

extension Tokenizer {
    /// The ids of a text.
    ///
    /// - Parameter addSpecialTokens: Whether the file's post-processor adds tokens such as the begin of a text.
    package func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
        Self.withBytes(of: text) { encode($0, addSpecialTokens: addSpecialTokens, isTracked: false).ids }
    }

    /// The ids of a text and the bytes of it that each stands for.
    package func encodeWithRanges(_ text: String, addSpecialTokens: Bool) -> Encoding {
        Self.withBytes(of: text) { encode($0, addSpecialTokens: addSpecialTokens, isTracked: true) }
    }

    /// The ids of a text in UTF-8; bytes that are not UTF-8 are an error that names the first of them.
    package func encode(utf8 bytes: [UInt8], addSpecialTokens: Bool) throws(TokenizerError) -> [Int32] {
        try bytes.withUnsafeBufferPointer { (buffer) throws(TokenizerError) in
            if let offset = UTF8Text.firstInvalidOffset(in: buffer) {
                throw TokenizerError(
                    .input, file: "text", place: "byte \(offset)", found: "the byte \(buffer[offset])",
                    expected: "well-formed UTF-8")
            }
            return encode(buffer, addSpecialTokens: addSpecialTokens, isTracked: false).ids
        }
    }

    private static func withBytes<T>(of text: String, _ body: (UnsafeBufferPointer<UInt8>) -> T) -> T {
        var native = text
        native.makeContiguousUTF8()
        return native.utf8.withContiguousStorageIfAvailable(body) ?? Array(native.utf8).withUnsafeBufferPointer(body)
    }

    private func encode(
        _ input: UnsafeBufferPointer<UInt8>, addSpecialTokens: Bool, isTracked: Bool
    ) -> Encoding {
        var run = EncodingRun(
            tokenizer: self, isTracked: isTracked, scratch: scratchPool.withLock { $0.popLast() } ?? EncodingScratch())
        if addSpecialTokens { run.append(postProcessor.before, at: 0) }
        run.append(input)
        if addSpecialTokens { run.append(postProcessor.after, at: input.count) }
        let scratch = run.scratch
        scratchPool.withLock { pool in
            if pool.count < EncodingScratch.maximumPoolSize { pool.append(scratch) }
        }
        return run.encoding
    }
}

/// Working memory of an encoding, kept between calls.
struct EncodingScratch: Sendable {
    var split = SplitScratch()
    var merge = MergeScratch()
    var cache = WordCache()
    var tokens: [PieceToken] = []

    /// How many of them are kept for later.
    static let maximumPoolSize = 8
}

/// One text on its way through the stages.
private struct EncodingRun {
    let tokenizer: Tokenizer
    let isTracked: Bool
    var scratch: EncodingScratch
    var encoding = Encoding()

    /// Adds tokens that stand for no part of the text.
    mutating func append(_ ids: [Int32], at offset: Int) {
        encoding.ids += ids
        if isTracked { encoding.ranges += ids.map { _ in offset..<offset } }
    }

    /// Adds the tokens of the whole text.
    mutating func append(_ input: UnsafeBufferPointer<UInt8>) {
        for stretch in tokenizer.rawFinder.stretches(of: input) {
            if let token = stretch.token {
                append(token, stretch.range)
                continue
            }
            let text = AlignedText(input, stretch.range, isTracked: isTracked)
            append(normalized: tokenizer.normalizer?.apply(to: text) ?? text)
        }
    }

    /// Finds the added tokens of a normalized text and encodes what stands between them.
    private mutating func append(normalized text: AlignedText) {
        let stretches = text.bytes.withUnsafeBufferPointer { tokenizer.normalizedFinder.stretches(of: $0) }
        for stretch in stretches {
            if let token = stretch.token {
                append(token, text.origin(of: stretch.range))
            } else {
                appendWords(of: Pieces(text: text, ranges: [stretch.range]))
            }
        }
    }

    private mutating func append(_ id: Int32, _ range: Range<Int>) {
        encoding.ids.append(id)
        if isTracked { encoding.ranges.append(range) }
    }

    /// Cuts a stretch into words and encodes them.
    private mutating func appendWords(of stretch: Pieces) {
        var pieces = stretch
        for step in tokenizer.preTokenizers { step.apply(to: &pieces, &scratch.split) }
        encoding.ids.reserveCapacity(encoding.ids.count + pieces.text.bytes.count / 4 + 4)
        pieces.text.bytes.withUnsafeBufferPointer { bytes in
            for range in pieces.ranges {
                appendWord(UnsafeBufferPointer(rebasing: bytes[range]), range.lowerBound, pieces.text)
            }
        }
    }

    private mutating func appendWord(_ word: UnsafeBufferPointer<UInt8>, _ start: Int, _ text: AlignedText) {
        if word.count <= WordCache.maximumLength, let known = scratch.cache.tokens(of: word) {
            append(known, start, text)
            return
        }
        scratch.tokens.removeAll(keepingCapacity: true)
        tokenizer.model.encode(word, &scratch.merge, to: &scratch.tokens)
        if word.count <= WordCache.maximumLength { scratch.cache.insert(word, scratch.tokens[...]) }
        append(scratch.tokens[...], start, text)
    }

    private mutating func append(_ tokens: ArraySlice<PieceToken>, _ start: Int, _ text: AlignedText) {
        for token in tokens { encoding.ids.append(token.id) }
        guard isTracked else { return }
        for token in tokens {
            encoding.ranges.append(text.origin(of: (start + Int(token.start))..<(start + Int(token.end))))
        }
    }
}
