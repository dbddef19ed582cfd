internal import JobModel
internal import JobQueue
internal import NIOHTTP1
internal import Supervision

/// The routes about jobs.
enum JobRoutes {
    /// Jobs of one listing at most.
    static let longestPage = 10_000
    /// How long a dropped file is waited for.
    static let dropPatience = Duration.seconds(10)

    @Sendable static func list(_ request: Request, _ desk: Desk) async throws -> Reply {
        let limit = try request.number("limit").map { min(max(Int(clamping: $0), 0), longestPage) } ?? 1000
        let page = JobPage(
            request.flag("all") ? .all : .live, before: try request.number("before"), limit: limit)
        return try .json(await desk.store.jobs(page))
    }

    @Sendable static func accept(_ request: Request, _ desk: Desk) async throws -> Reply {
        let (answer, isNew) = try await desk.supervisor.accept(request.body, by: request.requester)
        return try .json(answer, isNew ? .created : .ok)
    }

    @Sendable static func details(_ request: Request, _ desk: Desk) async throws -> Reply {
        let number = try await desk.number(of: request.path[2])
        guard let details = try await desk.store.job(number) else { throw ControlError.noSuchJob(request.path[2]) }
        return try .json(details)
    }

    @Sendable static func events(_ request: Request, _ desk: Desk) async throws -> Reply {
        try await feed(request, desk, job: desk.number(of: request.path[2]))
    }

    @Sendable static func allEvents(_ request: Request, _ desk: Desk) async throws -> Reply {
        let job = request.query["job"]
        return try await feed(request, desk, job: job == nil ? nil : desk.number(of: job ?? ""))
    }

    private static func feed(_ request: Request, _ desk: Desk, job: Int64?) async throws -> Reply {
        let asStream = request.head.headers["accept"].contains { $0.contains("text/event-stream") }
        // A browser's event source says by itself where it was when the connection broke.
        let last = request.head.headers.first(name: "last-event-id").flatMap { Int64($0) }
        var after = try request.number("after") ?? last ?? 0
        if after < 0 { after = max(0, try await desk.store.lastSequence() + after) }
        return .events(
            EventFeed(
                store: desk.store, job: job, after: after, limit: try request.number("limit").map { Int(clamping: $0) },
                follows: asStream || request.flag("follow"), format: asStream ? .eventStream : .jsonLines))
    }

    @Sendable static func prioritize(_ request: Request, _ desk: Desk) async throws -> Reply {
        let job = try await desk.number(of: request.path[2])
        let wanted = try request.decoded(PriorityRequest.self)
        return try .json(await desk.supervisor.setPriority(wanted.priority, of: job, by: request.requester))
    }

    @Sendable static func edit(_ request: Request, _ desk: Desk) async throws -> Reply {
        let job = try await desk.number(of: request.path[2])
        return try .json(await desk.supervisor.edit(job, request.body, by: request.requester))
    }

    @Sendable static func source(_ request: Request, _ desk: Desk) async throws -> Reply {
        let job = try await desk.number(of: request.path[2])
        return .whole(
            .ok, type: "application/yaml", try await desk.supervisor.source(of: job, for: request.requester))
    }

    /// The daemon looks at once; what it finds is answered, or that it has not got to it yet.
    @Sendable static func drop(_ request: Request, _ desk: Desk) async throws -> Reply {
        let drop = try request.decoded(DropRequest.self)
        let answer = await desk.supervisor.outcome(of: drop, patience: dropPatience)
        return try .json(answer ?? DropAnswer(outcome: .waiting))
    }
}
