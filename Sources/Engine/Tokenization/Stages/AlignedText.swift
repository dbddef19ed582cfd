/// Text on its way through the stages, with the place in the input that each byte comes from.
struct AlignedText: Sendable {
    /// Well-formed UTF-8.
    private(set) var bytes: [UInt8] = []
    /// Offset in the input of the first byte, and the offset after the last.
    let source: Range<Int>
    /// Where every byte comes from; nil while the text is the input itself, or when nobody asks for offsets.
    private var origins: [Range<Int32>]?
    private let isTracked: Bool

    /// A part of the input as it is.
    init(_ input: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, isTracked: Bool) {
        bytes = Array(UnsafeBufferPointer(rebasing: input[range]))
        source = range
        self.isTracked = isTracked
    }

    /// A text that is its own input.
    init(verbatim bytes: [UInt8]) {
        self.bytes = bytes
        source = 0..<bytes.count
        isTracked = false
    }

    /// An empty text that will be made out of `text`, or of a part of it.
    init(rewriting text: AlignedText) {
        source = text.source
        isTracked = text.isTracked
        origins = isTracked ? [] : nil
        bytes.reserveCapacity(text.bytes.count + text.bytes.count / 2 + 16)
    }

    /// Appends bytes that stand for `range` of `text`.
    mutating func append(_ new: some Collection<UInt8>, from text: AlignedText, _ range: Range<Int>) {
        bytes.append(contentsOf: new)
        guard isTracked else { return }
        let origin = text.origin(of: range)
        let range = Int32(origin.lowerBound)..<Int32(origin.upperBound)
        origins?.append(contentsOf: repeatElement(range, count: new.count))
    }

    /// Appends `range` of `text` unchanged.
    mutating func copy(_ range: Range<Int>, of text: AlignedText) {
        bytes.append(contentsOf: text.bytes[range])
        guard isTracked else { return }
        for index in range {
            let origin = text.origin(of: index..<(index + 1))
            origins?.append(Int32(origin.lowerBound)..<Int32(origin.upperBound))
        }
    }

    /// The range of the input that the bytes of `range` come from.
    func origin(of range: Range<Int>) -> Range<Int> {
        guard let origins else {
            return (source.lowerBound + range.lowerBound)..<(source.lowerBound + range.upperBound)
        }
        guard range.lowerBound < origins.count else { return source.upperBound..<source.upperBound }
        let lower = Int(origins[range.lowerBound].lowerBound)
        if range.isEmpty { return lower..<lower }
        return lower..<max(lower, Int(origins[range.upperBound - 1].upperBound))
    }
}
