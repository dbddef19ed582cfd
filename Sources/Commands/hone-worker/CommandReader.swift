import Foundation
import Glibc
import JobModel
import Training

/// Reads the daemon's commands from standard input on a thread of its own. The end of the input is a lost leash, and
/// means the same as a stop.
final class CommandReader: Sendable {
    private let stop: StopSignal

    init(_ stop: StopSignal) { self.stop = stop }

    /// Waits for the first command, which must be `start`; nil when the input ends before.
    func start() -> StartCommand? {
        var reader = LineReader<WorkerCommand>()
        while let lines = Self.next(&reader) {
            for (index, line) in lines.enumerated() {
                guard case .message(.start(let start)) = line else {
                    complain("ignored before start: \(line)")
                    continue
                }
                follow(reader, lines[(index + 1)...])
                return start
            }
        }
        return nil
    }

    private func follow(_ reader: LineReader<WorkerCommand>, _ rest: ArraySlice<ReceivedLine<WorkerCommand>>) {
        let rest = Array(rest)
        Thread.detachNewThread { [stop] in
            var reader = reader
            Self.obey(rest, stop)
            while let lines = Self.next(&reader) { Self.obey(lines, stop) }
            stop.request(.checkpoint)
        }
    }

    private static func obey(_ lines: [ReceivedLine<WorkerCommand>], _ stop: StopSignal) {
        for line in lines {
            switch line {
            case .message(.stop(let command)): stop.request(command.mode)
            case .message(.checkpoint): stop.requestCheckpoint()
            default: complain("ignored: \(line)")
            }
        }
    }

    /// The lines of the next piece of input; nil at its end.
    private static func next(_ reader: inout LineReader<WorkerCommand>) -> [ReceivedLine<WorkerCommand>]? {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(0, &buffer, buffer.count)
            if count > 0 { return reader.receive(buffer[..<count]) }
            if count == 0 || errno != EINTR { return nil }
        }
    }
}
