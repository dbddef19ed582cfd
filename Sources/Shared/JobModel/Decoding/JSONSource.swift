import Foundation

/// JSON becomes YAML that libyaml reads, so that one decoder with line numbers serves both.
enum JSONSource {
    /// The same document for a YAML parser, or why it is not JSON.
    static func yaml(from text: String) throws(SpecErrors) -> String {
        do {
            _ = try JSONSerialization.jsonObject(with: Data(text.utf8))
        } catch {
            throw refusal(of: error)
        }
        return joiningSurrogates(text)
    }

    /// `\uD8xx\uDCxx` as `\U000xxxxx`: libyaml refuses surrogates.
    static func joiningSurrogates(_ text: String) -> String {
        let source = Array(text.utf8)
        var joined: [UInt8] = []
        joined.reserveCapacity(source.count)
        var index = 0
        while index < source.count {
            guard source[index] == UInt8(ascii: "\\"), index + 1 < source.count else {
                joined.append(source[index])
                index += 1
                continue
            }
            if let high = escapedUnit(source, at: index), (0xD800...0xDBFF).contains(high),
                let low = escapedUnit(source, at: index + 6), (0xDC00...0xDFFF).contains(low)
            {
                let scalar = 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
                let digits = String(scalar, radix: 16)
                joined += Array("\\U\(String(repeating: "0", count: 8 - digits.count))\(digits)".utf8)
                index += 12
            } else {
                joined += source[index...(index + 1)]
                index += 2
            }
        }
        return String(decoding: joined, as: UTF8.self)
    }

    private static func escapedUnit(_ source: [UInt8], at index: Int) -> UInt32? {
        guard index + 6 <= source.count, source[index] == UInt8(ascii: "\\"), source[index + 1] == UInt8(ascii: "u")
        else { return nil }
        return UInt32(String(decoding: source[(index + 2)..<(index + 6)], as: UTF8.self), radix: 16)
    }

    private static func refusal(of error: any Error) -> SpecErrors {
        let detail = (error as NSError).userInfo["NSDebugDescription"] as? String ?? "not valid JSON"
        guard let place = detail.firstMatch(of: /line (\d+), column (\d+)/),
            let line = Int(place.1), let column = Int(place.2)
        else { return SpecErrors(.beginning, "not valid JSON: \(detail)") }
        return SpecErrors(SourceMark(line: max(line, 1), column: max(column, 1)), "not valid JSON: \(detail)")
    }
}
