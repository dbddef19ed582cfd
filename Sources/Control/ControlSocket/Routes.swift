internal import JobModel
internal import JobQueue
internal import NIOHTTP1
internal import Supervision

/// One thing that can be asked for.
struct Route: Sendable {
    /// Who may ask.
    enum Access: Sendable {
        /// Everybody who may open the socket.
        case read
        /// Those who may submit; whose job it is, is looked at besides.
        case control
    }

    let method: HTTPMethod
    /// Segments of the path; `*` stands for a number or name.
    let pattern: [String]
    let access: Access
    let answer: @Sendable (Request, Desk) async throws -> Reply

    init(
        _ method: HTTPMethod, _ path: String, _ access: Access,
        _ answer: @escaping @Sendable (Request, Desk) async throws -> Reply
    ) {
        self.method = method
        pattern = path.split(separator: "/").map(String.init)
        self.access = access
        self.answer = answer
    }

    func matches(_ path: [String]) -> Bool {
        path.count == pattern.count && zip(pattern, path).allSatisfy { $0 == "*" || $0 == $1 }
    }
}

/// Everything there is.
enum Routes {
    static let all: [Route] = reading + changing

    private static let reading: [Route] = [
        Route(.GET, "/healthz", .read) { _, desk in
            _ = try await desk.store.lastSequence()
            return .text("ok\n")
        },
        Route(.GET, "/readyz", .read) { _, desk in
            let standing = try await desk.supervisor.standing()
            guard let why = standing.degraded else { return .text("ready\n") }
            return .refusal(.serviceUnavailable, "degraded: \(why)")
        },
        Route(.GET, "/metrics", .read) { _, desk in
            .text(try await desk.supervisor.metrics(), type: "text/plain; version=0.0.4; charset=utf-8")
        },
        Route(.GET, "/v1/info", .read) { _, desk in try .json(await desk.supervisor.standing()) },
        Route(.GET, "/v1/jobs", .read, JobRoutes.list),
        Route(.GET, "/v1/jobs/*", .read, JobRoutes.details),
        Route(.GET, "/v1/jobs/*/events", .read, JobRoutes.events),
        Route(.GET, "/v1/events", .read, JobRoutes.allEvents),
        Route(.GET, "/v1/queues", .read) { _, desk in try .json(await desk.supervisor.queues()) },
    ]

    private static let changing: [Route] =
        JobVerb.allCases.map { verb in
            Route(.POST, "/v1/jobs/*/\(verb.rawValue)", .control) { request, desk in
                let job = try await desk.number(of: request.path[2])
                return try .json(await desk.supervisor.act(verb, on: job, by: request.requester))
            }
        } + [
            Route(.POST, "/v1/jobs/*/prio", .control, JobRoutes.prioritize),
            Route(.POST, "/v1/jobs/*/edit", .control, JobRoutes.edit),
            Route(.GET, "/v1/jobs/*/source", .control, JobRoutes.source),
            Route(.POST, "/v1/jobs", .control, JobRoutes.accept),
            Route(.POST, "/v1/drops", .control, JobRoutes.drop),
            Route(.POST, "/v1/forecast", .control) { request, desk in
                try .json(await desk.supervisor.forecast(request.body, by: request.requester))
            },
            Route(.POST, "/v1/rescan", .control) { _, desk in
                await desk.supervisor.rescan()
                return try .json(await desk.supervisor.standing())
            },
            Route(.POST, "/v1/clean", .control) { request, desk in
                let wanted = try request.decoded(CleanRequest.self)
                return try .json(await desk.supervisor.clean(wanted, by: request.requester))
            },
            Route(.POST, "/v1/queues/*", .control) { request, desk in
                let settings = try request.decoded(QueueSettings.self)
                try await desk.supervisor.set(request.path[2], to: settings, by: request.requester)
                return try .json(await desk.supervisor.queues())
            },
            Route(.POST, "/v1/queues/*/reset", .control) { request, desk in
                try await desk.supervisor.set(request.path[2], to: nil, by: request.requester)
                return try .json(await desk.supervisor.queues())
            },
            Route(.POST, "/v1/drain", .control) { request, desk in
                try await desk.supervisor.setDraining(true, by: request.requester)
                return try .json(await desk.supervisor.standing())
            },
            Route(.POST, "/v1/undrain", .control) { request, desk in
                try await desk.supervisor.setDraining(false, by: request.requester)
                return try .json(await desk.supervisor.standing())
            },
        ]
}
