import Glibc
package import Logging

/// Writes log lines to a descriptor, one `write` each, so that lines of several threads never mix.
package struct StreamLogHandler: LogHandler {
    /// How a line looks.
    package enum Style: Sendable {
        /// `<N>message key=value`, which journald and other collectors understand.
        case prefixed
        /// Time, level and message first, for a person at a terminal; colours where wanted.
        case terminal(colours: Bool)
    }

    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level

    private let style: Style
    private let descriptor: Int32

    /// A handler that writes to `descriptor`, which must stay open.
    package init(style: Style, level: Logger.Level, descriptor: Int32 = 2) {
        self.style = style
        self.logLevel = level
        self.descriptor = descriptor
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let line = LogLine(event, base: metadata, provider: metadataProvider)
        var text: String
        switch style {
        case .prefixed: text = Self.prefixed(line)
        case .terminal(let colours): text = Self.forTerminal(line, clock: Self.timeOfDay(), colours: colours)
        }
        text += "\n"
        write(text)
    }

    private func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            // Nobody is left to be told that the log cannot be written.
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }

    static func prefixed(_ line: LogLine) -> String {
        let pairs = line.fields.map { LogLine.pair($0.key, $0.value) }
        return (["<\(line.level.priority)>\(LogLine.escaped(line.message))"] + pairs).joined(separator: " ")
    }

    static func forTerminal(_ line: LogLine, clock: String, colours: Bool) -> String {
        let (word, colour) = appearance(of: line.level)
        let level = colours ? "\u{1B}[\(colour)m\(word)\u{1B}[0m" : word
        // The message names the event already.
        let shown = line.fields.filter { $0.field != .event }
        let pairs = shown.map { LogLine.pair($0.key, $0.value) }.joined(separator: " ")
        let tail = pairs.isEmpty ? "" : colours ? "  \u{1B}[2m\(pairs)\u{1B}[0m" : "  \(pairs)"
        return "\(clock) \(level) \(LogLine.escaped(line.message))\(tail)"
    }

    private static func appearance(of level: Logger.Level) -> (word: String, colour: Int) {
        switch level {
        case .trace, .debug: ("debug  ", 2)
        case .info: ("info   ", 36)
        case .notice: ("notice ", 32)
        case .warning: ("warning", 33)
        case .error, .critical: ("error  ", 31)
        }
    }

    private static func timeOfDay() -> String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        let two = { (value: Int32) in value < 10 ? "0\(value)" : "\(value)" }
        return "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    }
}
