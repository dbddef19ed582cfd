import CSystemd
import Glibc
package import Logging

/// Sends log lines to journald with their fields.
///
/// Use it only where a journal is known to listen: without one `sd_journal_sendv` reports success and the line is gone.
package struct JournalLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level

    private let identifier: String

    /// A handler whose lines carry `identifier` as SYSLOG_IDENTIFIER.
    package init(identifier: String, level: Logger.Level) {
        self.identifier = identifier
        self.logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let line = LogLine(event, base: metadata, provider: metadataProvider)
        Self.send(Self.entries(line, identifier: identifier))
    }

    /// The `FIELD=value` entries of a line. Metadata without a field of their own stay readable in the message.
    static func entries(_ line: LogLine, identifier: String) -> [String] {
        let unknown = line.fields.filter { $0.field == nil }.map { " " + LogLine.pair($0.key, $0.value) }.joined()
        var entries = [
            "MESSAGE=\(line.message)\(unknown)",
            "PRIORITY=\(line.level.priority)",
            "SYSLOG_IDENTIFIER=\(identifier)",
        ]
        for (_, field, value) in line.fields {
            guard let field else { continue }
            if field == .event {
                guard let event = JournalEvent(rawValue: value) else { continue }
                entries += ["MESSAGE_ID=\(event.messageID)", "HONE_EVENT=\(event.rawValue)"]
            } else {
                entries.append("\(field.journalName)=\(value)")
            }
        }
        if line.level >= .error {
            entries += ["CODE_FILE=\(line.file)", "CODE_LINE=\(line.line)", "CODE_FUNC=\(line.function)"]
        }
        return entries
    }

    /// The array form frames values by length, so a newline in one cannot begin another field.
    private static func send(_ entries: [String]) {
        var bytes: [UInt8] = []
        var ends: [Int] = []
        for entry in entries {
            bytes += entry.utf8
            ends.append(bytes.count)
        }
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            var start = 0
            let vectors = ends.map { end in
                defer { start = end }
                return iovec(iov_base: base + start, iov_len: end - start)
            }
            _ = sd_journal_sendv(vectors, Int32(vectors.count))
        }
    }
}
