import Foundation
import Glibc
import JobModel
import JobQueue
import Supervision
import Testing

@testable import ControlSocket

/// Whatever a client does, others are answered and the supervisor's loop turns.
@Suite("Hostile clients")
struct HostileClientTests {
    @Test(arguments: [
        "\u{0}\u{1}\u{2}garbage\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /%zz/%00 HTTP/1.0\r\n\r\n",
        "POST /v1/jobs/1/cancel HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/drops HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        "GET /v1/jobs/..%2f..%2fetc HTTP/1.0\r\n\r\n", "DELETE /v1/jobs HTTP/1.0\r\n\r\n",
    ])
    func nonsenseIsRefused(_ text: String) async throws {
        let daemon = try await ListeningDaemon()
        let answer = try await daemon.send(Array(text.utf8))
        #expect(answer.status == 0 || (400..<500).contains(answer.status), "\(answer.head)")
        #expect(try await daemon.ask("GET", "/healthz").status == 200)
        try await daemon.end()
    }

    /// Half a request is none, also where the half makes sense.
    @Test(arguments: ["cancel", "edit"])
    func aRequestThatIsCutOffChangesNothing(_ verb: String) async throws {
        let daemon = try await ListeningDaemon()
        let job = try await daemon.submit("first", "hold: true")
        let body = "name: other\nmethod: sft\nmodel: base\ndataset: {train: rows.jsonl}\ntrain: {steps: 10}\n"
        let head = "POST /v1/jobs/\(job)/\(verb) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count + 9)\r\n\r\n"
        let descriptor = try await daemon.client()
        _ = Array((head + body).utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        // So that the daemon has begun to read when the rest does not come.
        try await Task.sleep(for: .milliseconds(200))
        close(descriptor)
        for _ in 0..<30 {
            try await Task.sleep(for: .milliseconds(10))
            #expect(try await daemon.ask("GET", "/healthz").status == 200)
        }
        #expect(try await daemon.store.jobs(JobPage(.all)).map(\.state) == [.held])
        try await daemon.end()
    }

    @Test func hugeHeadsAndBodies() async throws {
        let daemon = try await ListeningDaemon()
        let head = "GET /healthz HTTP/1.0\r\nX: \(String(repeating: "x", count: 1 << 20))\r\n\r\n"
        let refused = try await daemon.send(Array(head.utf8))
        #expect(refused.status != 200)
        let body = try await daemon.ask("POST", "/v1/drops", [UInt8](repeating: 32, count: 3 << 20))
        #expect(body.status == 413 || body.status == 0)
        #expect(try await daemon.ask("GET", "/healthz").status == 200)
        try await daemon.end()
    }

    @Test func silentAndHalfOpenConnections() async throws {
        let daemon = try await ListeningDaemon()
        var open: [Int32] = []
        for index in 0..<20 {
            let descriptor = try await daemon.client()
            open.append(descriptor)
            let piece = Array("POST /v1/drops HTTP/1.1\r\nContent-Len".utf8)
            if index % 2 == 0 { _ = piece.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } }
            if index % 3 == 0 { shutdown(descriptor, Int32(SHUT_WR)) }
        }
        #expect(try await daemon.ask("GET", "/v1/info").status == 200)
        let job = try await daemon.submit("first")
        try await daemon.wait(for: job, .running)
        for descriptor in open { close(descriptor) }
        try await daemon.end()
    }

    @Test func aListenerThatNeverReads() async throws {
        let daemon = try await ListeningDaemon()
        let job = try await daemon.submit("first", "hold: true")
        for _ in 0..<2000 { try await daemon.store.setDraining(false, actor: "test", now: SystemTime().wall) }
        var descriptors: [Int32] = []
        for _ in 0..<8 { descriptors.append(try await daemon.client()) }
        let request = Array("GET /v1/events?follow HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        for descriptor in descriptors {
            _ = request.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        }
        #expect(try await daemon.ask("POST", "/v1/jobs/\(job)/release").status == 200)
        try await daemon.wait(for: job, .running)
        for descriptor in descriptors { close(descriptor) }
        #expect(try await daemon.ask("GET", "/healthz").status == 200)
        try await daemon.end()
    }

    /// The answer is longer than the socket's buffers, and the daemon has written it before anybody reads.
    @Test func aLongAnswerReachesASlowReaderWhole() async throws {
        let daemon = try await ListeningDaemon()
        for _ in 0..<6000 { try await daemon.store.setDraining(false, actor: "test", now: SystemTime().wall) }
        let request = "GET /v1/events?after=0&limit=6000 HTTP/1.0\r\n\r\n"
        let answer = try await daemon.send(Array(request.utf8), readAfter: 0.5)
        #expect(answer.status == 200)
        #expect(answer.body.count > 1 << 18)
        let lines = answer.text.split(separator: "\n")
        #expect(lines.count >= 6000)
        for line in lines { _ = try JSONCoding.decode(QueueEvent.self, from: Array(line.utf8)) }
        try await daemon.end()
    }

    @Test func nobodyTakesAllConnections() async throws {
        let count = ConnectionCount()
        for _ in 0..<ConnectionCount.mostOfOneUser { #expect(count.enter(1)) }
        #expect(!count.enter(1))
        #expect(count.enter(2))
        count.leave(1)
        #expect(count.enter(1))
    }
}
