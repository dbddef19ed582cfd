internal import Glibc
internal import NIOCore
internal import Supervision

/// What the kernel says of the process that opened a connection, as `SO_PEERCRED` gives it.
struct Peer: Sendable {
    private let pid: Int32
    private let uid: UInt32
    private let gid: UInt32

    /// `SO_PEERCRED` of Linux, which the C library only shows to GNU sources.
    private static let option = NIOBSDSocket.Option(rawValue: 17)

    /// The user at the other end.
    static func requester(of channel: any Channel) async throws -> Requester {
        guard let provider = channel as? any SocketOptionProvider else { throw ChannelError.operationUnsupported }
        let peer: Peer = try await provider.unsafeGetSocketOption(level: .socket, name: option).get()
        return Requester.lookUp(uid: peer.uid, gid: peer.gid)
    }
}
