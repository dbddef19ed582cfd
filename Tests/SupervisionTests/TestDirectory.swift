import DurableFiles
import Glibc
import JobModel
import Synchronization
import Testing

@testable import Supervision

/// A directory that is gone after the test.
final class TestDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/hone-supervision-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileError.last("mkdtemp", "/tmp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? removeTree(path) }

    func make(_ name: String) throws { try makeDirectory("\(path)/\(name)") }

    /// Writes as an editor would: in place, without any care.
    func write(_ text: String, to name: String, appending: Bool = false) throws {
        let flags = O_WRONLY | O_CREAT | (appending ? O_APPEND : O_TRUNC)
        let file = try OpenFile("\(path)/\(name)", flags, mode: 0o644)
        try Array(text.utf8).withUnsafeBytes { try file.write($0) }
    }

    func read(_ name: String) throws -> String { String(decoding: try readFile("\(path)/\(name)"), as: UTF8.self) }

    func exists(_ name: String) -> Bool { fileKind("\(path)/\(name)") != .missing }

    func names(_ name: String) throws -> [String] { try directoryNames("\(path)/\(name)") }

    func rename(_ old: String, to new: String) throws {
        guard Glibc.rename("\(path)/\(old)", "\(path)/\(new)") == 0 else { throw FileError.last("rename", old) }
    }

    func script(_ name: String, _ lines: String) throws -> String {
        try write("#!/bin/sh\n\(lines)\n", to: name)
        chmod("\(path)/\(name)", 0o755)
        return "\(path)/\(name)"
    }
}

/// Time that stands still until a test moves it.
final class ManualTime: TimeSource {
    private let elapsed = Mutex(Duration.zero)
    private let start = Timestamp(milliseconds: 1_800_000_000_000)
    private let error = Mutex(Milliseconds(0))

    var monotonic: Duration { elapsed.withLock { $0 } }

    var wall: Timestamp {
        let (seconds, attoseconds) = monotonic.components
        return start + error.withLock { $0 } + Milliseconds(seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }

    /// Sets the time of day, as somebody at the machine would.
    func setWall(offBy span: Milliseconds) { error.withLock { $0 = span } }

    func advance(_ duration: Duration) { elapsed.withLock { $0 += duration } }
}

/// Collects values from concurrent callbacks.
final class Collector<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    var all: [Value] { values.withLock { $0 } }

    func add(_ value: Value) { values.withLock { $0.append(value) } }
}
