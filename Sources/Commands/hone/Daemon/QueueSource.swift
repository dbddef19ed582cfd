import JobModel
import JobQueue

/// Where a look at the queue comes from.
protocol QueueSource {
    /// A page of a listing, newest first.
    func jobs(_ page: JobPage) throws -> [JobSummary]
    /// One job.
    func job(_ id: Int64) throws -> JobDetails?
    /// The newest job of a name.
    func newestJob(named name: String) throws -> Int64?
    /// Events after a number, oldest first; a negative one counts from the newest event.
    func events(after sequence: Int64, job: Int64?, limit: Int) throws -> [QueueEvent]
}

extension QueueReader: QueueSource {}

/// The daemon itself, for everybody who may open its socket.
struct DaemonSource: QueueSource {
    let client: DaemonClient

    /// Asked for in pieces, since the daemon has a longest page of its own.
    func jobs(_ page: JobPage) throws -> [JobSummary] {
        let all = page.scope == .all ? "&all" : ""
        var jobs: [JobSummary] = []
        var before = page.before
        while jobs.count < page.limit {
            let limit = min(page.limit - jobs.count, Self.longestPage)
            let last = before.map { "&before=\($0)" } ?? ""
            let piece = try client.get([JobSummary].self, "/v1/jobs?limit=\(limit)\(last)\(all)")
            jobs += piece
            guard piece.count == limit, let end = piece.last?.id else { break }
            before = end
        }
        return jobs
    }

    private static let longestPage = 1000

    func job(_ id: Int64) throws -> JobDetails? { try details("\(id)") }

    func newestJob(named name: String) throws -> Int64? { try details(name)?.summary.id }

    func events(after sequence: Int64, job: Int64?, limit: Int) throws -> [QueueEvent] {
        var events: [QueueEvent] = []
        let scope = job.map { "&job=\($0)" } ?? ""
        try client.lines("/v1/events?after=\(sequence)&limit=\(limit)\(scope)") {
            events.append(try JSONCoding.decode(QueueEvent.self, from: Array($0.utf8)))
        }
        return events
    }

    private func details(_ job: String) throws -> JobDetails? {
        do {
            return try client.get(JobDetails.self, "/v1/jobs/\(DaemonClient.segment(job))")
        } catch let error as DaemonClient.Refused where error.status == 404 {
            return nil
        }
    }
}
