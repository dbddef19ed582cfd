/// Sorts all scalars into the few classes that a pattern can tell apart.
///
/// Two scalars are in one class when every set of the pattern contains both or neither.
struct ScalarClassMap: Sendable {
    /// For each class, which of the sets contain it: bit k stands for set k.
    private(set) var signatures: [UInt64] = []

    private var ascii = [UInt8](repeating: 0, count: 128)
    /// Classes of the bytes as the byte-level alphabet spells them.
    private var byteLevel = [UInt8](repeating: 0, count: 256)
    /// For every 256 scalars, the page of classes.
    private var pageIndex: [UInt16] = []
    private var pages: [UInt8] = []

    static let maximumSetCount = 64
    static let maximumClassCount = 250

    init(_ sets: [ScalarSet]) throws(PatternError) {
        guard sets.count <= Self.maximumSetCount else {
            throw PatternError(
                found: "\(sets.count) different sets of characters", expected: "at most \(Self.maximumSetCount)")
        }
        var classes: [UInt64: UInt8] = [:]
        var intervals: [(start: UInt32, class: UInt8)] = []
        for (start, properties) in Self.stretches(sets) {
            var signature: UInt64 = 0
            for (index, set) in sets.enumerated() where set.contains(start, properties) { signature |= 1 << index }
            if classes[signature] == nil {
                guard signatures.count < Self.maximumClassCount else {
                    throw PatternError(
                        found: "more than \(Self.maximumClassCount) kinds of characters", expected: "fewer sets")
                }
                classes[signature] = UInt8(signatures.count)
                signatures.append(signature)
            }
            let number = classes[signature] ?? 0
            if intervals.last?.class != number { intervals.append((start, number)) }
        }
        buildPages(intervals)
        for value in 0..<128 { ascii[value] = self.class(of: UInt32(value), isASCIIKnown: false) }
        for byte in 0..<256 { byteLevel[byte] = self.class(of: ByteLevelAlphabet.scalars[byte]) }
    }

    /// The class of a scalar.
    @inline(__always)
    func `class`(of value: UInt32) -> UInt8 {
        value < 128 ? ascii[Int(value)] : self.class(of: value, isASCIIKnown: true)
    }

    /// The class of a byte's character in the byte-level alphabet.
    @inline(__always)
    func `class`(ofByte byte: UInt8) -> UInt8 { byteLevel[Int(byte)] }

    @inline(__always)
    private func `class`(of value: UInt32, isASCIIKnown: Bool) -> UInt8 {
        pages[Int(pageIndex[Int(value >> 8)]) << 8 | Int(value & 0xFF)]
    }

    /// The stretches of scalars inside which neither properties nor explicit ranges change.
    private static func stretches(_ sets: [ScalarSet]) -> [(start: UInt32, properties: CharacterProperties)] {
        let cuts = Set(sets.flatMap(\.boundaries)).sorted()
        var result: [(start: UInt32, properties: CharacterProperties)] = []
        var cut = 0
        let runs = CharacterProperties.runs
        for (index, run) in runs.enumerated() {
            result.append((run.start, run.properties))
            let end = index + 1 < runs.count ? runs[index + 1].start : 0x11_0000
            while cut < cuts.count, cuts[cut] < end {
                if cuts[cut] > run.start { result.append((cuts[cut], run.properties)) }
                cut += 1
            }
        }
        return result
    }

    private mutating func buildPages(_ intervals: [(start: UInt32, class: UInt8)]) {
        var uniform: [UInt8: UInt16] = [:]
        var interval = 0
        for page in UInt32(0)..<0x1100 {
            let start = page << 8
            while interval + 1 < intervals.count, intervals[interval + 1].start <= start { interval += 1 }
            let isUniform = interval + 1 == intervals.count || intervals[interval + 1].start >= start + 256
            if isUniform, let known = uniform[intervals[interval].class] {
                pageIndex.append(known)
                continue
            }
            let number = UInt16(pages.count >> 8)
            pageIndex.append(number)
            if isUniform { uniform[intervals[interval].class] = number }
            for value in start..<(start + 256) {
                while interval + 1 < intervals.count, intervals[interval + 1].start <= value { interval += 1 }
                pages.append(intervals[interval].class)
            }
        }
    }
}
