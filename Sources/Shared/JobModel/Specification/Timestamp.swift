/// A moment: UTC milliseconds since 1970, as the database and every file store it.
package struct Timestamp: Sendable, Hashable, Comparable, Codable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    package var milliseconds: Int64

    /// The moment `milliseconds` after 1970.
    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }

    /// The moment `span` after `start`.
    package static func + (start: Self, span: Milliseconds) -> Self {
        Timestamp(milliseconds: start.milliseconds + span.value)
    }

    package init(from decoder: any Decoder) throws { milliseconds = try Int64(from: decoder) }

    package func encode(to encoder: any Encoder) throws { try milliseconds.encode(to: encoder) }
}
