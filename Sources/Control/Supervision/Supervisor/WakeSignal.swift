/// Lets one loop sleep until something happens or a time has come. Signals are remembered, so none is lost between
/// looking and sleeping; any number of them wake once.
package final class WakeSignal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// A signal that nobody has given yet.
    package init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Wakes the loop, from anywhere.
    package func signal() { continuation.yield() }

    /// Waits for a signal, but no longer than `duration`. For one loop only.
    func wait(atMost duration: Duration) async {
        // The timer signals instead of racing: a cancelled wait would end the stream for good.
        let timer = Task {
            guard (try? await Task.sleep(for: max(duration, .zero))) != nil else { return }
            signal()
        }
        // In a task of its own: the caller may be cancelled and still has workers to wait for.
        await Task { for await _ in stream { break } }.value
        timer.cancel()
    }
}
