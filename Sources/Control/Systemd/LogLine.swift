import Logging

/// What both handlers have in common: one event with all its metadata, in a fixed order.
struct LogLine {
    let level: Logger.Level
    let message: String
    /// Known fields in the order of `LogField`, then unknown keys in alphabetical order.
    let fields: [(key: String, field: LogField?, value: String)]
    let file: String
    let function: String
    let line: UInt

    init(_ event: LogEvent, base: Logger.Metadata, provider: Logger.MetadataProvider?) {
        var metadata = base
        if let provided = provider?.get() { metadata.merge(provided) { _, new in new } }
        if let own = event.metadata { metadata.merge(own) { _, new in new } }
        if let error = event.error, metadata["error"] == nil { metadata["error"] = .string("\(error)") }
        var ordered: [(key: String, field: LogField?, value: String)] = []
        for field in LogField.allCases {
            guard let value = metadata.removeValue(forKey: field.rawValue) else { continue }
            ordered.append((field.rawValue, field, value.description))
        }
        for key in metadata.keys.sorted() {
            ordered.append((key, nil, metadata[key]?.description ?? ""))
        }
        level = event.level
        message = event.message.description
        fields = ordered
        file = event.file
        function = event.function
        line = event.line
    }

    /// Makes control characters visible, so that a value can neither begin a line nor drive a terminal.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _ where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value):
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// `key=value`, quoted where the value would otherwise not end where it ends.
    static func pair(_ key: String, _ value: String) -> String {
        let text = escaped(value)
        let plain = !text.isEmpty && !text.contains { $0 == " " || $0 == "\"" || $0 == "=" }
        if plain { return "\(key)=\(text)" }
        let quoted = text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"")
        return "\(key)=\"\(quoted)\""
    }
}
