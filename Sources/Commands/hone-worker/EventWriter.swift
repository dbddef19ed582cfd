import Foundation
import Glibc
import JobModel
import Synchronization

/// Writes events to the daemon from a thread of its own, so that training never waits for a reader.
///
/// Of progress only the newest is kept, and at most one is written per second; everything else waits in order.
final class EventWriter: Sendable {
    private struct Queue {
        var waiting: [WorkerEvent] = []
        var progress: ProgressEvent?
        var lastProgress = ContinuousClock.Instant.now - .seconds(1)
        var isClosing = false
        var isClosed = false
    }

    private let descriptor: Int32
    private let queue = Mutex(Queue())
    private let onLostLeash: @Sendable () -> Void

    /// Events that may wait while nobody reads; beyond that the oldest are dropped, as `result.json` is the truth.
    private static let capacity = 4096

    /// - Parameter onLostLeash: called when the daemon's end of the pipe is gone.
    init(descriptor: Int32, onLostLeash: @escaping @Sendable () -> Void) {
        self.descriptor = descriptor
        self.onLostLeash = onLostLeash
    }

    func start() {
        Thread.detachNewThread { [self] in
            while writeWaiting() { usleep(20_000) }
            queue.withLock { $0.isClosed = true }
        }
    }

    func send(_ event: WorkerEvent) {
        queue.withLock { queue in
            if case .progress(let progress) = event {
                queue.progress = progress
            } else {
                if queue.waiting.count == Self.capacity { queue.waiting.removeFirst() }
                queue.waiting.append(event)
            }
        }
    }

    /// Writes what waits and ends the thread; gives up on a daemon that does not read for five seconds.
    func close() {
        queue.withLock { $0.isClosing = true }
        for _ in 0..<500 {
            if queue.withLock({ $0.isClosed }) { return }
            usleep(10_000)
        }
    }

    /// False when the thread has nothing more to do.
    private func writeWaiting() -> Bool {
        let (events, isLast) = take()
        for event in events {
            guard let line = try? JSONLines.encode(event) else { continue }
            guard write(line) else {
                onLostLeash()
                return false
            }
        }
        return !isLast
    }

    private func take() -> (events: [WorkerEvent], isLast: Bool) {
        queue.withLock { queue in
            var events = queue.waiting
            queue.waiting = []
            let now = ContinuousClock.now
            if var progress = queue.progress, queue.isClosing || now - queue.lastProgress >= .seconds(1) {
                progress.rss = Self.residentBytes()
                // Before a result, which ends the conversation.
                let place = events.lastIndex { if case .result = $0 { true } else { false } } ?? events.endIndex
                events.insert(.progress(progress), at: place)
                queue.progress = nil
                queue.lastProgress = now
            }
            return (events, queue.isClosing)
        }
    }

    private func write(_ line: [UInt8]) -> Bool {
        var rest = line[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    private static func residentBytes() -> Int64? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? Int64(fields[1]).map { $0 * Int64(sysconf(Int32(_SC_PAGESIZE))) } : nil
    }
}
