import JobModel

/// Why an attempt is being ended by us.
package enum StopReason: Sendable, Hashable {
    /// The daemon goes down.
    case shutdown
    /// The owner wants it held or cancelled.
    case wish
    /// A job of higher priority needs its place.
    case preempted(by: Int64)
    /// No progress.
    case hang(String)
    /// Its running time is used up.
    case timeLimit
    /// It does not keep to the protocol.
    case misbehaviour
}

/// The steps by which a worker is made to stop, each harder than the one before.
package struct StopLadder: Sendable, Hashable {
    /// Why.
    package let reason: StopReason
    /// When the first order was given.
    package let begin: Duration
    /// The time a worker gets for its last checkpoint.
    package static let longestStop = Duration.seconds(15 * 60)

    private var rest: [Rung]

    private struct Rung: Sendable, Hashable {
        let at: Duration
        let order: WorkerOrder
    }

    /// A ladder whose first rungs are due at once.
    package init(_ reason: StopReason, now: Duration) {
        self.reason = reason
        begin = now
        let stop = StopCommand(mode: .checkpoint, deadlineMs: Self.longestStop.components.seconds * 1000)
        var rungs = [Rung(at: now, order: .send(.stop(stop))), Rung(at: now, order: .terminate)]
        switch reason {
        case .shutdown, .wish, .preempted, .timeLimit:
            rungs.append(Rung(at: now + Self.longestStop, order: .kill))
        case .hang:
            // It may be waiting for something that a stop interrupts; else its stack tells what for.
            rungs.append(Rung(at: now + .seconds(60), order: .writeStack))
            rungs.append(Rung(at: now + .seconds(90), order: .kill))
        case .misbehaviour:
            rungs.append(Rung(at: now + .seconds(60), order: .kill))
        }
        rest = rungs
    }

    /// The orders that are due, each given once.
    package mutating func due(now: Duration) -> [WorkerOrder] {
        let due = rest.prefix { $0.at <= now }
        rest.removeFirst(due.count)
        return due.map(\.order)
    }

    /// When the next order is due; nil when all were given.
    package var deadline: Duration? { rest.first?.at }

    /// Whether the last rung was taken.
    package var hasKilled: Bool { rest.isEmpty }
}
