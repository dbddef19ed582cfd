/// Bounds on a specification, checked before anything expensive happens.
enum SpecLimits {
    static let bytes = 256 * 1024
    static let depth = 16
    static let nodes = 10_000
}

/// How a specification is written.
package enum SpecFormat: String, Sendable, Hashable {
    case yaml
    case json

    /// By the ending of a file name: `.json`, or `.yaml` and `.yml`; nil for any other.
    package init?(fileName: String) {
        if fileName.hasSuffix(".json") {
            self = .json
        } else if fileName.hasSuffix(".yaml") || fileName.hasSuffix(".yml") {
            self = .yaml
        } else {
            return nil
        }
    }
}

/// The checks that come before parsing.
enum SourceText {
    /// The bytes as text without a byte-order mark, or why they cannot be a specification.
    static func validated(_ bytes: [UInt8]) throws(SpecErrors) -> String {
        guard bytes.count <= SpecLimits.bytes else {
            throw SpecErrors(.beginning, "\(bytes.count) bytes; at most \(SpecLimits.bytes) are read")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SpecErrors(.beginning, "not UTF-8 text")
        }
        if let zero = bytes.firstIndex(of: 0) {
            throw SpecErrors(mark(of: zero, in: bytes), "a NUL byte")
        }
        if let anchor = firstAnchor(in: bytes) {
            throw SpecErrors(
                mark(of: anchor, in: bytes),
                "\"&\" before a letter, digit, \"_\" or \"-\" would be a YAML anchor, which is not allowed; "
                    + "write it apart, or \"\\u0026\" in a quoted text")
        }
        return text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
    }

    /// Index of the first `&` that a YAML parser could take for an anchor.
    ///
    /// Anchors have to be refused in the bytes: the parser hashes mapping keys while it composes, and an alias as a key
    /// makes that exponential. The rule is crude on purpose; it refuses some harmless texts and misses no anchor.
    static func firstAnchor(in bytes: [UInt8]) -> Int? {
        bytes.indices.first { index in
            guard bytes[index] == UInt8(ascii: "&"), index + 1 < bytes.count else { return false }
            let next = bytes[index + 1]
            guard next.isAlphanumeric || next == UInt8(ascii: "_") || next == UInt8(ascii: "-") else { return false }
            return index == 0 || !bytes[index - 1].isAlphanumeric
        }
    }

    /// Line and column of a byte.
    static func mark(of offset: Int, in bytes: [UInt8]) -> SourceMark {
        let before = bytes[..<offset]
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let column = bytes[lineStart..<offset].count { $0 & 0xC0 != 0x80 } + 1
        return SourceMark(line: line, column: column)
    }
}

extension UInt8 {
    fileprivate var isAlphanumeric: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }
}
