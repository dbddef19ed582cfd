import Foundation
import Glibc
import SeededRandom
import Testing

@testable import ControlSocket

/// Broken and strange requests over the real socket. HONE_FUZZ=N asks for N instead of a few hundred, HONE_FUZZ_SEED for
/// others.
@Suite("Requests that are no good")
struct RequestFuzzTests {
    static let count = Int(ProcessInfo.processInfo.environment["HONE_FUZZ"] ?? "") ?? 200
    static let seed = UInt64(ProcessInfo.processInfo.environment["HONE_FUZZ_SEED"] ?? "") ?? 1

    private static let seeds = [
        "GET /v1/jobs?limit=10&all=1&before=99 HTTP/1.1\r\nHost: hone\r\nConnection: close\r\n\r\n",
        "GET /v1/jobs/1 HTTP/1.1\r\nHost: hone\r\nConnection: close\r\n\r\n",
        "GET /v1/jobs/first/events?after=0&limit=3 HTTP/1.0\r\nHost: hone\r\n\r\n",
        "GET /v1/events?after=-2&job=1 HTTP/1.0\r\nHost: hone\r\nLast-Event-ID: 4\r\n\r\n",
        "GET /metrics HTTP/1.0\r\nHost: hone\r\n\r\nGET /v1/info HTTP/1.0\r\n\r\n",
        "POST /v1/jobs/1/prio HTTP/1.1\r\nHost: hone\r\nConnection: close\r\nContent-Length: 15\r\n\r\n{\"priority\": 7}",
        "POST /v1/jobs/2/hold HTTP/1.0\r\nHost: hone\r\nContent-Length: 0\r\n\r\n",
        "POST /v1/jobs/first/release HTTP/1.0\r\nHost: hone\r\n\r\n",
        "POST /v1/drops HTTP/1.0\r\nHost: hone\r\nContent-Length: 33\r\n\r\n{\"name\": \"a.yaml\", \"inode\": 1234}",
        "POST /v1/jobs/1/edit HTTP/1.1\r\nHost: hone\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "8\r\nname: a\n\r\n12\r\nmethod: sft\nhold: \r\n0\r\n\r\n",
        "POST /v1/forecast HTTP/1.0\r\nHost: hone\r\nContent-Length: 28\r\n\r\nname: a\nmethod: sft\nhold: 1\n",
        "POST /v1/queues/default HTTP/1.0\r\nHost: hone\r\nContent-Length: 15\r\n\r\n{\"priority\": 7}",
        "POST /v1/undrain HTTP/1.0\r\nHost: hone\r\n\r\n",
    ]
    private static let words = [
        "Content-Length: 99999999999\r\n", "Content-Length: -1\r\n", "Transfer-Encoding: chunked\r\n", "HTTP/9.9", "%00", "%zz",
        "/../", "//", "?", "&", "=", "%2f", "GET ", "POST ", "DELETE ", "\r\n\r\n", "/v1/jobs/*", "18446744073709551616",
        "Expect: 100-continue\r\n", "Upgrade: h2c\r\n", "fffffffffffffffff\r\n",
    ]

    /// What was answered, counted.
    private struct Tally {
        var answered = 0
        var refused = 0
        var silent = 0
        var wrong: [String] = []
    }

    @Test func requests() async throws {
        let daemon = try await ListeningDaemon()
        for name in ["first", "second"] { _ = try await daemon.submit(name, "hold: true") }
        let bytes = Self.seeds.map { Array($0.utf8) }
        var mutator = TextMutator(seed: Self.seed, bytes, words: Self.words)
        var tally = Tally()
        for index in 0..<Self.count {
            let text = mutator.next()
            let answer = try await daemon.answer(to: text)
            switch answer.status {
            case 0 where answer.head.isEmpty: tally.silent += 1
            case 200..<300: tally.answered += 1
            case 400..<500: tally.refused += 1
            default: tally.wrong.append("\(answer.head) to \(String(decoding: text, as: UTF8.self))")
            }
            if index % 100 == 99 { #expect(try await daemon.ask("GET", "/healthz").text == "ok\n") }
        }
        print(
            "fuzz: requests: \(Self.count), \(tally.answered) answered, \(tally.refused) refused, \(tally.silent) without an "
                + "answer, seed \(Self.seed)")
        #expect(tally.wrong == [])
        #expect(tally.answered > 0 && tally.refused > 0)
        #expect(try await daemon.ask("GET", "/healthz").text == "ok\n")
        try await daemon.end()
    }
}

extension ListeningDaemon {
    /// Sends bytes, whatever they are, and takes what comes until the other side closes or says nothing more for a
    /// moment: of half a request the daemon rightly waits for the rest.
    fileprivate func answer(to bytes: [UInt8]) async throws -> Answer {
        let descriptor = try await client()
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                defer { close(descriptor) }
                _ = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                var all: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 1 << 16)
                var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                while poll(&wait, 1, all.isEmpty ? 30 : 5) == 1 {
                    let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
                    if count <= 0 { break }
                    all += buffer.prefix(count)
                }
                continuation.resume(returning: Answer(all))
            }
        }
    }
}
