import ArgumentParser
import Foundation
import Glibc
import JobModel
import Supervision

/// Talks to the daemon of a root over its socket: HTTP/1.0, one request for each connection.
struct DaemonClient {
    let path: String

    /// Nobody can be asked, and why.
    struct Unreachable: Error, CustomStringConvertible {
        let description: String
        /// No daemon runs here: nothing is wrong with it.
        var isAbsent = false
    }

    /// The daemon said no.
    struct Refused: Error, CustomStringConvertible {
        let status: Int
        let description: String
    }

    init(_ root: Root) { path = root.socket }

    /// Asks for a value.
    func get<Value: Decodable>(_ type: Value.Type, _ target: String) throws -> Value {
        try JSONCoding.decode(type, from: request("GET", target))
    }

    /// How long a daemon that works may keep silent.
    static let patience = 30
    /// As `patience`, for an answer that waits until the daemon has measured a job.
    static let measuringPatience = 180

    /// Asks for something to be done.
    func post<Value: Decodable>(
        _ type: Value.Type, _ target: String, _ body: [UInt8] = [], patience: Int = patience
    ) throws -> Value {
        try JSONCoding.decode(type, from: request("POST", target, body, patience: patience))
    }

    /// Whether a daemon answers. One that hangs does not.
    var isAnswered: Bool { (try? request("GET", "/healthz", patience: 5)) != nil }

    /// The body of an answer; throws `Unreachable` or `Refused`.
    ///
    /// - Parameter patience: seconds without a byte after which the daemon counts as unreachable.
    func request(
        _ method: String, _ target: String, _ body: [UInt8] = [], patience: Int = patience
    ) throws -> [UInt8] {
        var answer: [UInt8] = []
        try exchange(method, target, body, patience: patience) { answer += $0 }
        return answer
    }

    /// The lines of an answer, as they come; nil as `patience` waits for ever.
    func lines(_ target: String, patience: Int? = patience, _ take: (String) throws -> Void) throws {
        var rest: [UInt8] = []
        try exchange("GET", target, [], patience: patience) { piece in
            rest += piece
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: rest[..<end], as: UTF8.self)
                rest.removeSubrange(...end)
                if !line.isEmpty { try take(line) }
            }
        }
    }

    /// A part of a path, whatever is in it.
    static func segment(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-._"))) ?? ""
    }

    private func exchange(
        _ method: String, _ target: String, _ body: [UInt8], patience: Int?, _ take: ([UInt8]) throws -> Void
    ) throws {
        let socket = try connected(patience)
        defer { close(socket) }
        let head = "\(method) \(target) HTTP/1.0\r\nHost: hone\r\nContent-Length: \(body.count)\r\n\r\n"
        try send(Array(head.utf8) + body, socket)
        var reader = AnswerReader(socket: socket, path: path)
        let status = try reader.status()
        guard (200..<300).contains(status) else {
            let text = try reader.rest()
            let refusal = try? JSONCoding.decode(ControlRefusal.self, from: text)
            throw Refused(status: status, description: refusal?.error ?? "the daemon answered \(status)")
        }
        while let piece = try reader.piece() { try take(piece) }
    }

    private func connected(_ patience: Int?) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else {
            throw Unreachable(description: "\(path): longer than the \(room - 1) bytes a socket's path may have")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw Unreachable(description: String(cString: strerror(errno))) }
        if let patience { Self.limit(socket, to: patience) }
        var result: Int32
        repeat {
            result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        } while result != 0 && errno == EINTR
        guard result == 0 else {
            let code = errno
            close(socket)
            throw Self.unreachable(code, path)
        }
        return socket
    }

    /// From now on no call on the socket waits longer.
    private static func limit(_ socket: Int32, to seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(socket, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    /// Why a call on the socket failed, from its `errno`.
    fileprivate static func unreachable(_ code: Int32, _ path: String) -> Unreachable {
        switch code {
        case ENOENT, ECONNREFUSED: Unreachable(description: "no daemon answers at \(path)", isAbsent: true)
        case EACCES, EPERM:
            Unreachable(description: "\(path): you may not open it; members of its group may (usually: hone)")
        case EAGAIN:
            Unreachable(
                description: "\(path): the daemon keeps silent; what was asked for may still be done: hone doctor")
        case EPIPE, ECONNRESET: Unreachable(description: "\(path): the daemon hung up")
        default: Unreachable(description: "\(path): \(String(cString: strerror(code)))")
        }
    }

    private func send(_ bytes: [UInt8], _ socket: Int32) throws {
        var left = bytes[...]
        while !left.isEmpty {
            let count = left.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Self.unreachable(errno, path) }
            left = left.dropFirst(count)
        }
    }
}

/// Reads an answer of HTTP/1.0, which ends with the connection; one that names its length has all of it.
private struct AnswerReader {
    let socket: Int32
    let path: String
    private var buffer: [UInt8] = []
    /// Bytes of the body that are still to come; nil where the answer names no length.
    private var missing: Int?

    init(socket: Int32, path: String) {
        self.socket = socket
        self.path = path
    }

    /// Reads up to the end of the head.
    mutating func status() throws -> Int {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let position = buffer.firstRange(of: end) {
                let lines = String(decoding: buffer[..<position.lowerBound], as: UTF8.self).split(separator: "\r\n")
                buffer.removeSubrange(..<position.upperBound)
                let parts = lines.first?.split(separator: " ") ?? []
                guard parts.count > 1, let status = Int(parts[1]) else { break }
                missing = lines.lazy.compactMap(Self.length).first
                return status
            }
            guard buffer.count < 1 << 16, let more = try receive() else { break }
            buffer += more
        }
        throw DaemonClient.Unreachable(description: "the daemon's answer is not understood")
    }

    private static func length(_ line: Substring) -> Int? {
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
        return Int(parts[1].trimmingCharacters(in: .whitespaces))
    }

    /// The next bytes of the body; nil at its end. Throws when the end comes too early.
    mutating func piece() throws -> [UInt8]? {
        var next: [UInt8]? = buffer
        if buffer.isEmpty { next = try receive() }
        buffer = []
        if let left = missing { missing = left - (next?.count ?? 0) }
        if next == nil, let left = missing, left > 0 {
            throw DaemonClient.Unreachable(description: "\(path): the daemon's answer ended \(left) bytes too early")
        }
        return next
    }

    mutating func rest() throws -> [UInt8] {
        var all: [UInt8] = []
        while let piece = try piece() { all += piece }
        return all
    }

    private func receive() throws -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = bytes.withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw DaemonClient.unreachable(errno, path) }
            return count == 0 ? nil : Array(bytes.prefix(count))
        }
    }
}

/// Runs `body` and turns what the daemon says into words and the exit status for them.
func askingDaemon<Value>(_ body: () throws -> Value) throws -> Value {
    do {
        return try body()
    } catch let error as DaemonClient.Refused {
        Terminal.complain(error.description.escapingControlCharacters)
        throw error.status == 404 ? ExitCode.noSuchJob : ExitCode.refused
    } catch let error as DaemonClient.Unreachable {
        let advice = "; changing the queue takes a running daemon: systemctl start honed, or honed --root DIR"
        Terminal.complain("\(error)\(error.isAbsent ? advice : "")")
        throw ExitCode.noDaemon
    }
}
