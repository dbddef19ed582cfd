package import Glibc
package import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import ServiceLifecycle
internal import Supervision

/// HTTP over a Unix socket: `curl --unix-socket /run/hone/hone.sock http://hone/v1/jobs`.
///
/// It has a thread of its own and a task for each connection, so no client, however slow or hostile, is ever waited for
/// by the supervisor. If it cannot work, jobs run all the same.
package struct ControlServer: Service {
    private let path: String
    private let mode: mode_t
    private let desk: Desk
    private let logger: Logger

    /// A connection on which nothing moves is closed after this time.
    private static let idleTime = TimeAmount.seconds(120)

    /// A server at `path`. `mode` of the socket decides who may connect; the directory around it, too.
    package init(path: String, mode: mode_t, desk: Desk, logger: Logger) {
        self.path = path
        self.mode = mode
        self.desk = desk
        self.logger = logger
    }

    /// Answers until the group shuts down.
    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let server = try await listen(on: group)
            logger.info("answering at \(path)")
            try? await cancelWhenGracefulShutdown { try await serve(server) }
        } catch {
            logger.error("nobody answers at \(path): \(error); jobs run, but hone cannot change them")
            try? await gracefulShutdown()
        }
        unlink(path)
        try? await group.shutdownGracefully()
    }

    private func listen(on group: MultiThreadedEventLoopGroup) async throws -> NIOAsyncChannel<Conversation.Wire, Never> {
        let server = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 128)
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(IdleStateHandler(allTimeout: Self.idleTime))
                    try pipeline.addHandler(CloseWhenIdle())
                    return try Conversation.Wire(wrappingChannelSynchronously: channel)
                }
            }
        guard chmod(path, mode) == 0 else { throw IOError(errnoCode: errno, reason: "chmod \(path)") }
        return server
    }

    private func serve(_ server: NIOAsyncChannel<Conversation.Wire, Never>) async throws {
        let count = ConnectionCount()
        try await server.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { tasks in
                for try await wire in connections {
                    tasks.addTask { await converse(wire, count) }
                }
            }
        }
    }

    /// One connection from beginning to end; what goes wrong concerns nobody else.
    private func converse(_ wire: Conversation.Wire, _ count: ConnectionCount) async {
        do {
            let requester = try await Peer.requester(of: wire.channel)
            guard count.enter(requester.uid) else {
                logger.warning("too many connections of \(requester.actor); one was closed")
                return try await wire.executeThenClose { _, _ in }
            }
            defer { count.leave(requester.uid) }
            try await Conversation(wire: wire, requester: requester, desk: desk, logger: logger).run()
        } catch {
            logger.debug("a connection ended: \(error)")
            wire.channel.close(promise: nil)
        }
    }
}

/// Closes a connection on which nothing moves any more.
private final class CloseWhenIdle: ChannelInboundHandler {
    typealias InboundIn = Any

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}
