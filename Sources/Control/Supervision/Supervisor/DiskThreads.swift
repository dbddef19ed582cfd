import Dispatch

/// Threads that may wait for the disk. Swift's own are as many as there are cores: one that waits is missing to everybody.
enum DiskThreads {
    private static let queue = DispatchQueue(label: "hone.disk", qos: .utility, attributes: .concurrent)

    /// Does `work` on one of them.
    static func run(_ work: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: work)) }
        }
    }
}
