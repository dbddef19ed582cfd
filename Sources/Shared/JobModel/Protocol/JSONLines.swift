/// Lines of the worker protocol: UTF-8 JSON, each at most `longestLine` bytes.
package enum JSONLines {
    /// Longest line, its newline not counted.
    package static let longestLine = 64 * 1024

    /// Why a line cannot be written.
    package struct LineTooLong: Error, Sendable, CustomStringConvertible {
        /// Its length.
        package let bytes: Int

        package var description: String { "a protocol line of \(bytes) bytes is longer than \(longestLine)" }
    }

    /// One message with its newline.
    package static func encode(_ message: some Encodable) throws -> [UInt8] {
        let line = try JSONCoding.encode(message)
        guard line.count <= longestLine else { throw LineTooLong(bytes: line.count) }
        return line + [UInt8(ascii: "\n")]
    }
}

/// What a line turned out to be.
package enum ReceivedLine<Message: Sendable & Hashable>: Sendable, Hashable {
    /// A message.
    case message(Message)
    /// Something else; the text says what, and quotes the beginning of the line.
    case malformed(String)
    /// More than `JSONLines.longestLine` bytes without a newline; the rest of that line is skipped.
    case tooLong
}

/// Cuts a stream of bytes into messages. Hostile input costs at most one line of memory.
package struct LineReader<Message: Codable & Sendable & Hashable>: Sendable {
    private var pending: [UInt8] = []
    private var skipping = false

    /// A reader at the beginning of a stream.
    package init() {}

    /// The messages that `bytes` complete.
    package mutating func receive(_ bytes: some Sequence<UInt8>) -> [ReceivedLine<Message>] {
        var received: [ReceivedLine<Message>] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if !skipping, !pending.isEmpty { received.append(Self.parse(pending)) }
                skipping = false
                pending.removeAll(keepingCapacity: true)
            } else if !skipping {
                pending.append(byte)
                if pending.count > JSONLines.longestLine {
                    received.append(.tooLong)
                    skipping = true
                    pending = []
                }
            }
        }
        return received
    }

    private static func parse(_ line: [UInt8]) -> ReceivedLine<Message> {
        do {
            return .message(try JSONCoding.decode(Message.self, from: line))
        } catch {
            let beginning = String(decoding: line.prefix(80), as: UTF8.self)
            return .malformed("not a protocol message: \(beginning.escapingControlCharacters)")
        }
    }
}

extension String {
    /// The text with every control character as `\u{…}`, so that a terminal or a log shows it and does not obey it.
    package var escapingControlCharacters: String {
        var escaped = ""
        for scalar in unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
                escaped += scalar.escaped(asASCII: true)
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
