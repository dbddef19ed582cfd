import Glibc
package import Logging

/// Where log lines go. Chosen once, at start, and never guessed again.
package enum LogDestination: String, Sendable, CaseIterable {
    /// To journald, with fields.
    case journal
    /// To standard error as `<N>message key=value`.
    case plain
    /// To standard error, for a person.
    case terminal

    /// The destination for this process: the journal if standard error is connected to it, a person if it is a
    /// terminal.
    package static func detect(environment: [String: String], descriptor: Int32 = 2) -> LogDestination {
        if isJournal(descriptor, named: environment["JOURNAL_STREAM"]) { return .journal }
        return isatty(descriptor) == 1 ? .terminal : .plain
    }

    /// A handler that writes there from `level` up.
    package func handler(
        identifier: String, level: Logger.Level, environment: [String: String]
    ) -> any LogHandler {
        switch self {
        case .journal: JournalLogHandler(identifier: identifier, level: level)
        case .plain: StreamLogHandler(style: .prefixed, level: level)
        case .terminal:
            StreamLogHandler(
                style: .terminal(colours: environment["NO_COLOR", default: ""].isEmpty && isatty(2) == 1), level: level)
        }
    }

    /// systemd names the stream as `device:inode`; a redirected standard error no longer matches.
    static func isJournal(_ descriptor: Int32, named stream: String?) -> Bool {
        guard let parts = stream?.split(separator: ":"), parts.count == 2,
            let device = UInt64(parts[0]), let inode = UInt64(parts[1])
        else { return false }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        return UInt64(status.st_dev) == device && UInt64(status.st_ino) == inode
    }
}
