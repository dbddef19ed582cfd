internal import JobModel
internal import JobQueue

/// Events of the queue from a number on, for as long as somebody listens. The events are in the database, so a listener
/// that comes back with the last number it saw misses nothing.
struct EventFeed: Sendable {
    /// How they are written.
    enum Format: Sendable {
        /// One JSON object per line.
        case jsonLines
        /// Server-sent events.
        case eventStream

        var type: String { self == .jsonLines ? "application/x-ndjson" : "text/event-stream" }
        /// Says nothing, but shows that both sides are there.
        var pulse: String { self == .jsonLines ? "\n" : ":\n\n" }
    }

    let store: any JobStore
    let job: Int64?
    let after: Int64
    let limit: Int?
    let follows: Bool
    let format: Format

    private static let batch = 500
    private static let interval = Duration.milliseconds(500)
    /// Intervals without an event before a pulse.
    private static let quietIntervals = 20

    /// Writes them; a slow listener is waited for, and only by this task.
    func run(_ write: (String) async throws -> Void) async throws {
        var cursor = after
        var left = limit ?? .max
        var quiet = 0
        while left > 0 {
            let events = try await store.events(after: cursor, job: job, limit: min(Self.batch, left))
            for event in events { try await write(try text(of: event)) }
            cursor = events.last?.sequence ?? cursor
            left -= events.count
            if !events.isEmpty { continue }
            guard follows else { return }
            quiet += 1
            if quiet % Self.quietIntervals == 0 { try await write(format.pulse) }
            try await Task.sleep(for: Self.interval)
        }
    }

    private func text(of event: QueueEvent) throws -> String {
        let json = String(decoding: try JSONCoding.encode(event), as: UTF8.self)
        return switch format {
        case .jsonLines: json + "\n"
        case .eventStream: "id: \(event.sequence)\nevent: \(event.type)\ndata: \(json)\n\n"
        }
    }
}
