/// One record of comma-separated values (RFC 4180): quoted fields may hold commas, newlines and doubled quotes.
enum CSVRecord {
    /// The fields of one record; a newline at its end is not part of the last.
    static func fields(of bytes: [UInt8]) throws(RowProblem) -> [String] {
        var fields: [String] = []
        var rest = trimmingLineEnd(bytes[...])
        while true {
            let (field, next) = try takeField(rest)
            fields.append(try UTF8Text.string(field))
            guard let next else { return fields }
            rest = next
        }
    }

    private static func trimmingLineEnd(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        while let last = bytes.last, last == .newline || last == UInt8(ascii: "\r") { bytes.removeLast() }
        return bytes
    }

    /// The first field and what follows its comma; nil when it was the last.
    private static func takeField(
        _ bytes: ArraySlice<UInt8>
    ) throws(RowProblem) -> (field: ArraySlice<UInt8>, rest: ArraySlice<UInt8>?) {
        guard bytes.first == .quote else {
            guard let comma = bytes.firstIndex(of: UInt8(ascii: ",")) else { return (bytes, nil) }
            return (bytes[..<comma], bytes[(comma + 1)...])
        }
        return try takeQuotedField(bytes.dropFirst())
    }

    private static func takeQuotedField(
        _ bytes: ArraySlice<UInt8>
    ) throws(RowProblem) -> (field: ArraySlice<UInt8>, rest: ArraySlice<UInt8>?) {
        var field: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            guard bytes[index] == .quote else {
                field.append(bytes[index])
                index += 1
                continue
            }
            let next = index + 1
            if next == bytes.endIndex { return (field[...], nil) }
            switch bytes[next] {
            case .quote:
                field.append(.quote)
                index += 2
            case UInt8(ascii: ","):
                return (field[...], bytes[(next + 1)...])
            default:
                throw RowProblem(
                    found: "\"\(Character(UnicodeScalar(bytes[next])))\" after a closing quote",
                    expected: "a comma or the end of the record", advice: "write a quote inside a field twice")
            }
        }
        throw RowProblem(found: "a quoted field without its closing quote", expected: "a closing quote")
    }
}
