internal import Foundation
internal import JobModel
internal import NIOCore
internal import NIOHTTP1
internal import Supervision

/// One request with everything a route may look at.
struct Request: Sendable {
    let head: HTTPRequestHead
    let path: [String]
    let query: [String: String]
    let body: [UInt8]
    let requester: Requester

    init(_ head: HTTPRequestHead, body: [UInt8], requester: Requester) {
        self.head = head
        self.body = body
        self.requester = requester
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = parts[0].split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }
        var query: [String: String] = [:]
        for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[String(sides[0])] = sides.count > 1 ? sides[1].removingPercentEncoding ?? "" : "1"
        }
        self.query = query
    }

    /// A whole number of the query; nil if it is not there, an error if it is something else.
    func number(_ name: String) throws -> Int64? {
        guard let text = query[name] else { return nil }
        guard let number = Int64(text) else {
            throw ControlError.invalid("\(name): expected a whole number, found \"\(text.escapingControlCharacters)\"")
        }
        return number
    }

    func flag(_ name: String) -> Bool { query[name].map { $0 != "0" && $0 != "false" } ?? false }

    func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
        do {
            return try JSONCoding.decode(type, from: body)
        } catch {
            throw ControlError.invalid("the body is not the JSON that was expected")
        }
    }
}

/// What a route answers.
enum Reply: Sendable {
    /// All of it at once.
    case whole(HTTPResponseStatus, type: String, [UInt8])
    /// Events as they come.
    case events(EventFeed)

    static func json(_ value: some Encodable, _ status: HTTPResponseStatus = .ok) throws -> Reply {
        .whole(status, type: "application/json", try JSONCoding.encode(value) + [UInt8(ascii: "\n")])
    }

    static func text(_ text: String, type: String = "text/plain; charset=utf-8") -> Reply {
        .whole(.ok, type: type, Array(text.utf8))
    }

    /// An error as clients expect it.
    static func refusal(_ status: HTTPResponseStatus, _ text: String) -> Reply {
        (try? .json(ControlRefusal(error: text), status)) ?? .whole(status, type: "text/plain", Array(text.utf8))
    }
}
