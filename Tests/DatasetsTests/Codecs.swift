import Datasets

/// A tokenizer of single bytes: id is byte + 10; 1 begins and 2 ends a sequence.
func byteCodec(addsBeginning: Bool = true, addsEnd: Bool = false, end: Int32? = 2) -> TextCodec {
    TextCodec(
        beginningOfSequence: 1, endOfSequence: end, digest: "bytes",
        encode: { text, special in
            let ids = text.utf8.map { Int32($0) + 10 }
            return (special && addsBeginning ? [1] : []) + ids + (special && addsEnd ? [2] : [])
        },
        encodeWithRanges: { byteRanges($0) },
        decode: { ids in
            ids.map { $0 == 1 ? "<s>" : $0 == 2 ? "</s>" : String(UnicodeScalar(UInt8($0 - 10))) }.joined()
        })
}

/// As `byteCodec`, with one merge: "ab" is a single token 1000.
let mergingCodec = TextCodec(
    beginningOfSequence: 1, endOfSequence: 2, digest: "merging",
    encode: { text, special in
        var ids: [Int32] = special ? [1] : []
        for byte in text.utf8 {
            if byte == UInt8(ascii: "b"), ids.last == Int32(UInt8(ascii: "a")) + 10 {
                ids[ids.count - 1] = 1000
            } else {
                ids.append(Int32(byte) + 10)
            }
        }
        return ids
    },
    encodeWithRanges: { text in
        var (ids, ranges): ([Int32], [Range<Int>]) = ([], [])
        for (index, byte) in text.utf8.enumerated() {
            if byte == UInt8(ascii: "b"), ids.last == Int32(UInt8(ascii: "a")) + 10 {
                ids[ids.count - 1] = 1000
                ranges[ranges.count - 1] = index - 1..<index + 1
            } else {
                ids.append(Int32(byte) + 10)
                ranges.append(index..<index + 1)
            }
        }
        return (ids, ranges)
    },
    decode: { "\($0)" })

/// As `byteCodec`, but a space is put before every text, and the first is not decoded.
let spacingCodec = TextCodec(
    beginningOfSequence: 1, endOfSequence: 2, digest: "spacing",
    encode: { text, special in (special ? [1] : []) + (text.isEmpty ? [] : ids(" " + text)) },
    encodeWithRanges: { byteRanges(" " + $0) },
    decode: { byteCodec().decode(Array($0.dropFirst())) })

private func byteRanges(_ text: String) -> (ids: [Int32], ranges: [Range<Int>]) {
    (ids(text), text.utf8.indices.enumerated().map { $0.offset..<$0.offset + 1 })
}

/// The ids of a text under the byte tokenizers.
func ids(_ text: String) -> [Int32] { text.utf8.map { Int32($0) + 10 } }
