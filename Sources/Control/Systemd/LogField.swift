package import Logging

/// The metadata that become fields of the journal. The list is closed, so no value can invent a field.
package enum LogField: String, Sendable, CaseIterable {
    case event
    case jobID = "job"
    case jobName = "name"
    case attempt
    case queue
    case method
    case uid
    case stateFrom = "from"
    case stateTo = "to"
    case reason
    case failureClass = "class"
    case exitCode = "exit"
    case signal
    case step
    case checkpoint
    case durationMilliseconds = "ms"
    case bytes
    case count
    case workerProcess = "pid"
    case errno

    /// The name in the journal. The handler gives `event` as MESSAGE_ID, and by name as HONE_EVENT.
    package var journalName: String {
        switch self {
        case .event: "MESSAGE_ID"
        case .jobID: "HONE_JOB_ID"
        case .jobName: "HONE_JOB_NAME"
        case .attempt: "HONE_ATTEMPT"
        case .queue: "HONE_QUEUE"
        case .method: "HONE_METHOD"
        case .uid: "HONE_UID"
        case .stateFrom: "HONE_STATE_FROM"
        case .stateTo: "HONE_STATE_TO"
        case .reason: "HONE_REASON"
        case .failureClass: "HONE_CLASS"
        case .exitCode: "HONE_EXIT"
        case .signal: "HONE_SIGNAL"
        case .step: "HONE_STEP"
        case .checkpoint: "HONE_CKPT"
        case .durationMilliseconds: "HONE_DURATION_MS"
        case .bytes: "HONE_BYTES"
        case .count: "HONE_COUNT"
        case .workerProcess: "OBJECT_PID"
        case .errno: "ERRNO"
        }
    }
}

extension Logger {
    /// Logs an event of the catalog with its fields.
    package func event(
        _ event: JournalEvent, level: Logger.Level = .notice, _ message: String, _ fields: [LogField: String] = [:],
        file: String = #fileID, function: String = #function, line: UInt = #line
    ) {
        var metadata: Logger.Metadata = [LogField.event.rawValue: .string(event.rawValue)]
        for (field, value) in fields where !value.isEmpty { metadata[field.rawValue] = .string(value) }
        log(
            level: level, "\(message)", metadata: metadata, source: nil, file: file, function: function, line: line)
    }

    /// A logger that puts these fields on every line.
    package func with(_ fields: [LogField: String]) -> Logger {
        var copy = self
        for (field, value) in fields { copy[metadataKey: field.rawValue] = .string(value) }
        return copy
    }
}

extension Logger.Level {
    /// The priority of syslog and the journal: 2 critical to 7 debug; 5 is for changes of state.
    package var priority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
