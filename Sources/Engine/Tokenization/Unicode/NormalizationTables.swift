import Foundation

/// Decompositions, combining classes and compositions.
///
/// Pinned to Unicode 9, which is what the normalizers of Hugging Face tokenizers know: characters added later are
/// left alone, so that ids do not change with the runtime.
struct NormalizationTables: Sendable {
    static let shared = NormalizationTables()

    /// One bit for every scalar below U+30000 that a normalization form can touch, alone or after another.
    private let active: [UInt64]
    private let compositions: [UInt64: UInt32]

    private static let activeLimit: UInt32 = 0x30000

    private init() {
        var active = [UInt64](repeating: 0, count: Int(Self.activeLimit) / 64)
        func mark(_ value: UInt32) { active[Int(value >> 6)] |= 1 << (value & 63) }
        var compositions: [UInt64: UInt32] = [:]
        var composed: [[UInt32]: UInt32] = [:]
        var longer: [(full: [UInt32], composite: UInt32)] = []
        for range in Self.candidates {
            for value in range {
                guard let scalar = Unicode.Scalar(value), Self.isKnown(scalar) else { continue }
                if scalar.properties.canonicalCombiningClass != .notReordered { mark(value) }
                let full = Self.decompose(scalar, compatibility: false)
                guard full != [value] else { continue }
                mark(value)
                guard full.count > 1, !scalar.properties.isFullCompositionExclusion else { continue }
                composed[full] = value
                longer.append((full, value))
            }
        }
        for (full, composite) in longer {
            // Full decompositions are recursive: the first part of a pair may itself be a composite.
            let head = Array(full.dropLast())
            guard let last = full.last, let first = head.count == 1 ? head[0] : composed[head] else { continue }
            compositions[Self.key(first, last)] = composite
            mark(last)
        }
        for value in UInt32(0x1100)...0x11FF { mark(value) }
        for value in UInt32(0xAC00)...0xD7A3 { mark(value) }
        self.active = active
        self.compositions = compositions
    }

    /// Where canonical decompositions and combining marks stand; Hangul syllables are computed.
    private static let candidates: [ClosedRange<UInt32>] = [
        0xC0...0x30FF, 0xA66F...0xAAFF, 0xABED...0xABED, 0xF900...0xFFFF, 0x101FD...0x10AFF, 0x11000...0x11FFF,
        0x16AF0...0x16B40, 0x1BC9D...0x1BCA0, 0x1D15E...0x1D1FF, 0x1D242...0x1D244, 0x1E000...0x1E95F,
        0x2F800...0x2FA1F,
    ]

    /// Whether the scalar was assigned in Unicode 9.
    static func isKnown(_ scalar: Unicode.Scalar) -> Bool {
        (scalar.properties.age?.major ?? Int.max) <= 9
    }

    private static func key(_ first: UInt32, _ second: UInt32) -> UInt64 { UInt64(first) << 32 | UInt64(second) }

    /// Whether canonical normalization leaves the scalar alone whatever stands before it.
    @inline(__always)
    func isInert(_ value: UInt32) -> Bool {
        value >= Self.activeLimit || active[Int(value >> 6)] >> (value & 63) & 1 == 0
    }

    /// The canonical combining class.
    func combiningClass(_ value: UInt32) -> UInt8 {
        guard !isInert(value), let scalar = Unicode.Scalar(value), Self.isKnown(scalar) else { return 0 }
        return scalar.properties.canonicalCombiningClass.rawValue
    }

    /// The full decomposition of a scalar.
    func decomposition(of value: UInt32, compatibility: Bool) -> [UInt32] {
        if !compatibility, isInert(value) { return [value] }
        guard let scalar = Unicode.Scalar(value), Self.isKnown(scalar) else { return [value] }
        return Self.decompose(scalar, compatibility: compatibility)
    }

    private static func decompose(_ scalar: Unicode.Scalar, compatibility: Bool) -> [UInt32] {
        let text = String(scalar)
        let mapped =
            compatibility ? text.decomposedStringWithCompatibilityMapping : text.decomposedStringWithCanonicalMapping
        return mapped.unicodeScalars.map(\.value)
    }

    /// The primary composite of two scalars, or nil.
    func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if (0x1100...0x1112).contains(first), (0x1161...0x1175).contains(second) {
            return 0xAC00 + ((first - 0x1100) * 21 + (second - 0x1161)) * 28
        }
        if (0xAC00...0xD7A3).contains(first), (first - 0xAC00) % 28 == 0, (0x11A8...0x11C2).contains(second) {
            return first + (second - 0x11A7)
        }
        return compositions[Self.key(first, second)]
    }
}
