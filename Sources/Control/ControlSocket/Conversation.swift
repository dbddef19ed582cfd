internal import JobModel
internal import JobQueue
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import Supervision

/// The requests of one connection, one after another.
struct Conversation: Sendable {
    typealias Wire = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    /// The longest body: more than any specification may have.
    static let longestBody = 1 << 20
    /// A request has to be complete after this time.
    static let requestTime = TimeAmount.seconds(30)

    let wire: Wire
    let requester: Requester
    let desk: Desk
    let logger: Logger

    /// Answers until the other side goes, or does something that is not HTTP.
    func run() async throws {
        try await wire.executeThenClose { inbound, outbound in
            var parts = inbound.makeAsyncIterator()
            while true {
                let late = wire.channel.eventLoop.scheduleTask(in: Self.requestTime) {
                    wire.channel.close(promise: nil)
                }
                guard case .head(let head)? = try await parts.next() else { return late.cancel() }
                let body = try await Self.body(&parts)
                late.cancel()
                switch body {
                case .cutOff: return
                case .tooLong:
                    let reply = Reply.refusal(.payloadTooLarge, "a body is at most \(Self.longestBody) bytes long")
                    return try await send(reply, to: head, goesOn: false, outbound)
                case .whole(let bytes):
                    let reply = await answer(Request(head, body: bytes, requester: requester))
                    try await send(reply, to: head, goesOn: head.isKeepAlive, outbound)
                    guard head.isKeepAlive else { return }
                }
            }
        }
    }

    private enum Body {
        case whole([UInt8])
        case tooLong
        /// The other side went, or took too long: what has come is not what was meant, and nothing is done with it.
        case cutOff
    }

    private static func body(
        _ parts: inout NIOAsyncChannelInboundStream<HTTPServerRequestPart>.AsyncIterator
    ) async throws -> Body {
        var body: [UInt8] = []
        while let part = try await parts.next() {
            switch part {
            case .body(let bytes) where body.count + bytes.readableBytes <= longestBody:
                body.append(contentsOf: bytes.readableBytesView)
            case .body: return .tooLong
            case .end: return .whole(body)
            case .head: return .cutOff
            }
        }
        return .cutOff
    }

    private func answer(_ request: Request) async -> Reply {
        let there = Routes.all.filter { $0.matches(request.path) }
        guard let route = there.first(where: { $0.method == request.head.method }) else {
            if there.isEmpty { return .refusal(.notFound, "there is nothing at \(request.head.uri.prefix(200))") }
            let methods = there.map(\.method.rawValue).joined(separator: ", ")
            return .refusal(.methodNotAllowed, "\(request.head.method.rawValue) does not go here, expected \(methods)")
        }
        if route.access == .control, await !desk.supervisor.mayControl(requester) {
            return .refusal(
                .forbidden, "\(requester.actor) may only look; allow_users and allow_groups name those who may do more")
        }
        do {
            return try await route.answer(request, desk)
        } catch {
            return Self.refusal(error)
        }
    }

    private static func refusal(_ error: any Error) -> Reply {
        switch error {
        case let error as ControlError:
            switch error {
            case .noSuchJob: .refusal(.notFound, "\(error)")
            case .invalid: .refusal(.badRequest, "\(error)")
            case .forbidden: .refusal(.forbidden, "\(error)")
            case .refused: .refusal(.conflict, "\(error)")
            }
        case StoreError.noSuchJob: .refusal(.notFound, "\(error)")
        case StoreError.refused(let why): .refusal(.conflict, why)
        default: .refusal(.serviceUnavailable, "\(error)")
        }
    }

    private func send(
        _ reply: Reply, to request: HTTPRequestHead, goesOn: Bool,
        _ outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
    ) async throws {
        var headers = HTTPHeaders([("connection", goesOn ? "keep-alive" : "close"), ("cache-control", "no-store")])
        switch reply {
        case .whole(let status, let type, let bytes):
            headers.add(name: "content-type", value: type)
            headers.add(name: "content-length", value: "\(bytes.count)")
            try await outbound.write(.head(HTTPResponseHead(version: request.version, status: status, headers: headers)))
            try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: bytes))))
        case .events(let feed):
            headers.add(name: "content-type", value: feed.format.type)
            try await outbound.write(.head(HTTPResponseHead(version: request.version, status: .ok, headers: headers)))
            try await feed.run { try await outbound.write(.body(.byteBuffer(ByteBuffer(string: $0)))) }
        }
        // Only this waits until everything has left: closing a connection drops what is still on its way.
        try await wire.channel.writeAndFlush(HTTPServerResponsePart.end(nil))
    }
}
