internal import Synchronization

/// How many connections there are, in all and of each user, so that nobody can keep others out.
final class ConnectionCount: Sendable {
    static let most = 128
    static let mostOfOneUser = 32

    private let counts = Mutex<[UInt32: Int]>([:])

    /// Counts a connection of a user, unless there are too many.
    func enter(_ uid: UInt32) -> Bool {
        counts.withLock { counts in
            guard counts.values.reduce(0, +) < Self.most, counts[uid, default: 0] < Self.mostOfOneUser else {
                return false
            }
            counts[uid, default: 0] += 1
            return true
        }
    }

    /// It is over.
    func leave(_ uid: UInt32) {
        counts.withLock { counts in
            let left = (counts[uid] ?? 1) - 1
            counts[uid] = left > 0 ? left : nil
        }
    }
}
