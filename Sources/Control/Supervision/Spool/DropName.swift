/// A name in the drop directory, byte for byte: it need not be UTF-8 to be opened and moved.
package struct DropName: Sendable, Hashable, Comparable {
    /// The bytes, without a terminating zero.
    package let bytes: [UInt8]

    /// The name with these bytes.
    package init(bytes: [UInt8]) { self.bytes = bytes }

    /// The name spelled so.
    package init(_ text: String) { bytes = Array(text.utf8) }

    package static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }

    /// For people and the log; bytes that are not UTF-8 are replaced.
    package var display: String { String(decoding: bytes, as: UTF8.self) }

    /// The end of the name with every byte outside `[A-Za-z0-9._-]` replaced, as it is kept in accepted/ and rejected/:
    /// short enough for what is put before and behind it there.
    package var cleaned: String {
        String(decoding: bytes.suffix(160).map { Self.isPlain($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
    }

    /// Whether it names an entry of a directory, and not a way elsewhere.
    var isOne: Bool { !bytes.isEmpty && !bytes.contains(UInt8(ascii: "/")) && !bytes.contains(0) }

    /// Hidden names belong to writers that will rename when done.
    package var isHidden: Bool { bytes.first == UInt8(ascii: ".") }

    /// Whether the ending says that this is a job.
    package var isJob: Bool {
        [".yaml", ".yml", ".json"].contains {
            bytes.count > $0.utf8.count && bytes.suffix($0.utf8.count).elementsEqual($0.utf8)
        }
    }

    /// Calls `body` with the name as C wants it.
    func withCString<Result>(_ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
        try (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("an array with a zero in it has a base") }
            return try body(base)
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
