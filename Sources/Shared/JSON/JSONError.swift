/// Where a text stops being the JSON that was expected. Whoever reads a file puts its name in front.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Bytes before the place.
    package let offset: Int
    /// Line of the place, counted from 1.
    package let line: Int
    /// Byte of the place within its line, counted from 1.
    package let column: Int
    /// What stands there.
    package let found: String
    /// What should stand there.
    package let expected: String

    /// The place for people.
    package var place: String { "line \(line), byte \(column)" }

    package var description: String { "\(place): found \(found), expected \(expected)" }
}

extension JSONError {
    /// The error at `offset` of a text.
    init(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int, found: String, expected: String) {
        let before = bytes[..<min(offset, bytes.count)]
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        self.offset = before.count
        line = before.count { $0 == UInt8(ascii: "\n") } + 1
        column = before.count - lineStart + 1
        self.found = found
        self.expected = expected
    }
}
