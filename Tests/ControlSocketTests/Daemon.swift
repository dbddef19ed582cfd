import DurableFiles
import Foundation
import Glibc
import JobModel
import JobQueue
import Logging
import ServiceLifecycle
import Supervision
import Testing

@testable import ControlSocket

/// A supervisor with its socket in this process. Its workers wait until they are told to stop.
final class ListeningDaemon: Sendable {
    let directory: String
    let root: Root
    let store: SQLiteJobStore
    let supervisor: Supervisor
    private let server: Task<Void, any Error>
    private let loop: Task<Void, any Error>

    init(mode: mode_t = 0o600) async throws {
        directory = "/tmp/hone-control-\(UUID().uuidString.prefix(8))"
        root = .under(directory)
        try root.prepare()
        try makeDirectory("\(root.models)/base")
        try durableWrite("{}", to: "\(root.models)/base/config.json")
        try durableWrite("{}\n", to: "\(root.datasets)/rows.jsonl")
        store = try SQLiteJobStore.inMemory()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let parts = Supervisor.Parts(
            root: root, store: store, launcher: PatientLauncher(), planner: SmallPlanner(), logger: logger)
        let supervisor = try Supervisor(
            parts, configuration: Configuration(), machine: Machine(cores: [0, 1], memory: 1 << 30))
        self.supervisor = supervisor
        loop = Task { _ = try await supervisor.run() }
        let control = ControlServer(
            path: root.socket, mode: mode, desk: Desk(supervisor: supervisor, store: store), logger: logger)
        server = Task { try await control.run() }
        for _ in 0..<500 {
            if let descriptor = try? await client() {
                close(descriptor)
                break
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Ends everything. Called at the end of each test, since a deinitializer cannot wait.
    func end() async throws {
        server.cancel()
        await supervisor.beginShutdown()
        try await loop.value
        _ = try? await server.value
        try removeTree(directory)
    }

    static func spec(_ name: String, _ more: String = "") -> String {
        "name: \(name)\nmethod: sft\nmodel: base\ndataset: {train: rows.jsonl}\ntrain: {steps: 10}\n\(more)\n"
    }

    /// Drops a job and waits until it is in the queue.
    func submit(_ name: String, _ more: String = "") async throws -> Int64 {
        let text = Self.spec(name, more)
        try durableWrite(text, to: "\(root.spool)/.\(name).yaml")
        var status = stat()
        stat("\(root.spool)/.\(name).yaml", &status)
        try durableRename("\(root.spool)/.\(name).yaml", to: "\(root.spool)/\(name).yaml")
        let body = try JSONCoding.encode(DropRequest(name: "\(name).yaml", inode: Int64(status.st_ino)))
        let answer = try await ask("POST", "/v1/drops", body).decoded(DropAnswer.self)
        #expect(answer.outcome == .accepted, "\(answer.reason ?? "")")
        return try #require(answer.job)
    }

    func wait(for job: Int64, _ state: JobState) async throws {
        for _ in 0..<2000 {
            if try await store.job(job)?.summary.state == state { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("job \(job) did not become \(state.rawValue)")
    }

    /// A connected socket. Connecting may wait for the server, so it does not happen on a thread the server needs.
    func client() async throws -> Int32 {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try self.connected() }) }
        }
    }

    private func connected() throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: root.socket.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            throw FileError.last("connect", root.socket)
        }
        return descriptor
    }

    struct Answer: Sendable {
        let status: Int
        let head: String
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value { try JSONCoding.decode(type, from: body) }
    }

    /// One request, on a thread where waiting hurts nobody.
    func ask(_ method: String, _ path: String, _ body: [UInt8] = [], headers: String = "") async throws -> Answer {
        let head = "\(method) \(path) HTTP/1.0\r\nHost: hone\r\nContent-Length: \(body.count)\r\n\(headers)\r\n"
        return try await send(Array(head.utf8) + body)
    }

    /// Sends bytes and, after `pause` seconds, reads until the other side closes.
    func send(_ bytes: [UInt8], readAfter pause: Double = 0) async throws -> Answer {
        let descriptor = try await client()
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var left = bytes[...]
                while !left.isEmpty {
                    let count = left.withUnsafeBytes {
                        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                    }
                    if count <= 0 { break }
                    left = left.dropFirst(count)
                }
                Thread.sleep(forTimeInterval: pause)
                var all: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 1 << 16)
                while true {
                    let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
                    if count <= 0 { break }
                    all += buffer.prefix(count)
                }
                close(descriptor)
                continuation.resume(returning: Answer(all))
            }
        }
    }
}

extension ListeningDaemon.Answer {
    init(_ bytes: [UInt8]) {
        let split = bytes.firstRange(of: Array("\r\n\r\n".utf8))
        head = String(decoding: bytes[..<(split?.lowerBound ?? bytes.endIndex)], as: UTF8.self)
        body = split.map { Array(bytes[$0.upperBound...]) } ?? []
        let words = head.split(separator: " ")
        status = words.count > 1 ? Int(words[1]) ?? 0 : 0
    }
}

/// Starts nothing; its workers end as if they had saved, when they are told to.
struct PatientLauncher: WorkerLauncher {
    func run(
        _ launch: WorkerLaunch, orders: AsyncStream<WorkerOrder>,
        report: @escaping @Sendable (WorkerReport) async -> Void
    ) async -> WorkerExit {
        await report(.spawned(pid: 4711, startTicks: 1))
        await report(.event(.ready(ReadyEvent(cpus: launch.start.cpus, blas: "test", resumeStep: 0))))
        await report(.event(.progress(ProgressEvent(step: 3, total: 10, loss: 0.5))))
        for await order in orders {
            switch order {
            case .send(.checkpoint):
                let digest = String(repeating: "0", count: 64)
                await report(
                    .event(
                        .checkpoint(
                            CheckpointEvent(step: 4, dir: "step-000000004", manifestSha256: digest, bytes: 1, ms: 1))))
            case .terminate, .kill: return WorkerExit(.exited(75))
            case .send, .writeStack: break
            }
        }
        return WorkerExit(.exited(75))
    }
}

struct SmallPlanner: ResourcePlanner {
    func plan(_ spec: JobSpec, inputs: [InputRole: String]) async throws(PlanFailure) -> ResourcePlan {
        ResourcePlan(memory: 1000, checkpoint: 10, artifacts: 5)
    }
}
