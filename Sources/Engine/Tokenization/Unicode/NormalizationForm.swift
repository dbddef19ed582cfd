/// The four Unicode normalization forms.
enum NormalizationForm: Sendable {
    case canonicalDecomposition, canonicalComposition
    case compatibilityDecomposition, compatibilityComposition

    private var isCompatibility: Bool { self == .compatibilityDecomposition || self == .compatibilityComposition }
    private var composes: Bool { self == .canonicalComposition || self == .compatibilityComposition }

    /// A scalar of the result and the bytes of the text that it stands for.
    private struct Piece: Sendable {
        var value: UInt32
        var range: Range<Int>
        let combiningClass: UInt8
    }

    func apply(to text: AlignedText) -> AlignedText {
        guard text.bytes.contains(where: { $0 >= 0x80 }) else { return text }
        let tables = NormalizationTables.shared
        var result = AlignedText(rewriting: text)
        var isChanged = false
        /// What was appended already, and where the last inert scalar begins: a mark may still join it.
        var done = 0
        var lastInert = 0
        var segment: [Piece] = []
        text.bytes.withUnsafeBufferPointer { bytes in
            var position = 0
            while position < bytes.count {
                let (value, length) = UTF8Text.scalar(in: bytes, at: position)
                let isInert = isCompatibility ? value < 0x80 : tables.isInert(value)
                if isInert {
                    if !segment.isEmpty {
                        flush(&segment, into: &result, from: text, tables)
                        done = position
                    }
                    lastInert = position
                } else {
                    if segment.isEmpty {
                        isChanged = true
                        result.copy(done..<lastInert, of: text)
                        if lastInert < position {
                            let inert = UTF8Text.scalar(in: bytes, at: lastInert).value
                            segment.append(piece(inert, lastInert..<position, tables))
                        }
                    }
                    for part in tables.decomposition(of: value, compatibility: isCompatibility) {
                        segment.append(piece(part, position..<(position + length), tables))
                    }
                }
                position += length
            }
        }
        guard isChanged else { return text }
        if segment.isEmpty { result.copy(done..<text.bytes.count, of: text) }
        flush(&segment, into: &result, from: text, tables)
        return result
    }

    private func piece(_ value: UInt32, _ range: Range<Int>, _ tables: NormalizationTables) -> Piece {
        Piece(value: value, range: range, combiningClass: tables.combiningClass(value))
    }

    /// Orders and composes what stands between two inert characters, and appends it.
    private func flush(
        _ segment: inout [Piece], into result: inout AlignedText, from text: AlignedText, _ tables: NormalizationTables
    ) {
        if segment.count > 1 {
            order(&segment)
            if composes { compose(&segment, tables) }
        }
        var bytes: [UInt8] = []
        for piece in segment {
            bytes.removeAll(keepingCapacity: true)
            UTF8Text.append(piece.value, to: &bytes)
            result.append(bytes, from: text, piece.range)
        }
        segment.removeAll(keepingCapacity: true)
    }

    /// Sorts every run of marks by class, keeping the order of equal classes.
    private func order(_ segment: inout [Piece]) {
        var start = 0
        while start < segment.count {
            guard segment[start].combiningClass != 0 else {
                start += 1
                continue
            }
            var end = start + 1
            while end < segment.count, segment[end].combiningClass != 0 { end += 1 }
            if end - start > 1 {
                let sorted = segment[start..<end].enumerated().sorted {
                    ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
                }
                segment.replaceSubrange(start..<end, with: sorted.map(\.element))
            }
            start = end
        }
    }

    /// Canonical composition: each mark that is not blocked joins the last starter when there is a composite.
    private func compose(_ segment: inout [Piece], _ tables: NormalizationTables) {
        var output: [Piece] = []
        var starter: Int?
        for piece in segment {
            if let index = starter {
                let last = output[output.count - 1]
                let isAdjacent = output.count - 1 == index
                let isBlocked = !isAdjacent && (last.combiningClass == 0 || last.combiningClass >= piece.combiningClass)
                if !isBlocked, let composite = tables.composition(output[index].value, piece.value) {
                    let lower = min(output[index].range.lowerBound, piece.range.lowerBound)
                    let upper = max(output[index].range.upperBound, piece.range.upperBound)
                    output[index].value = composite
                    output[index].range = lower..<upper
                    continue
                }
            }
            if piece.combiningClass == 0 { starter = output.count }
            output.append(piece)
        }
        segment = output
    }
}
