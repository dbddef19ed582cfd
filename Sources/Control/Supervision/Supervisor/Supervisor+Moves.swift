import JobQueue

/// Files that have left the drop directory, until the database says so too.
///
/// It may say so only when the move is on the disk: after a loss of power the file would else lie there again and
/// become a second job. Nobody waits for that, so moves are forced to the disk together, and recorded with what comes next.
struct OpenMoves {
    struct Move {
        let submission: Int64
        let directory: DropDirectory
        /// What lies beside a rejected file and has to be on the disk as well.
        let errorFile: String?
    }

    private var unforced: [Move] = []
    private var forced: [Int64] = []
    private var unforcedSince = Duration.zero
    private var forcedSince = Duration.zero
    /// Forces some of them at this moment.
    var work: Task<Void, Never>?

    /// Time in which moves gather.
    private static let gathering = Duration.milliseconds(500)
    /// So many do not wait.
    private static let many = 256

    var isEmpty: Bool { unforced.isEmpty && forced.isEmpty && work == nil }

    /// When something has to be done; nil for never.
    var deadline: Duration? {
        let force = unforced.isEmpty || work != nil ? nil : unforcedSince + Self.gathering
        let mark = forced.isEmpty ? nil : forcedSince + Self.gathering
        return [force, mark].compactMap { $0 }.min()
    }

    mutating func add(_ submission: Int64, from directory: DropDirectory, errorFile: String?, now: Duration) {
        if unforced.isEmpty { unforcedSince = now }
        unforced.append(Move(submission: submission, directory: directory, errorFile: errorFile))
    }

    /// Those to be forced now.
    mutating func takeDue(_ now: Duration, all: Bool) -> [Move] {
        guard work == nil, all || now >= unforcedSince + Self.gathering || unforced.count >= Self.many else { return [] }
        defer { unforced = [] }
        return unforced
    }

    mutating func putBack(_ moves: [Move], now: Duration) {
        unforced = moves + unforced
        unforcedSince = now
    }

    mutating func putBack(_ submissions: [Int64], now: Duration) {
        if forced.isEmpty { forcedSince = now }
        forced += submissions
    }

    /// Those to be recorded on an occasion.
    mutating func takeForced() -> [Int64] {
        defer { forced = [] }
        return forced
    }

    /// Those to be recorded now.
    mutating func takeForced(_ now: Duration, all: Bool) -> [Int64] {
        all || now >= forcedSince + Self.gathering ? takeForced() : []
    }
}

extension Supervisor {
    /// Forces moves to the disk and records them, when it is time.
    ///
    /// - Parameter finally: all of them, and only then return.
    func tendMoves(finally: Bool = false) async throws {
        if finally { await moves.work?.value }
        let due = moves.takeDue(time.monotonic, all: finally)
        if !due.isEmpty {
            let work = Task { await force(due) }
            moves.work = work
            if finally { await work.value }
        }
        let forced = moves.takeForced(time.monotonic, all: finally)
        guard !forced.isEmpty else { return }
        do {
            try await store.markMoved(forced)
        } catch {
            moves.putBack(forced, now: time.monotonic)
            throw error
        }
        Boundary.ingestAfterMark.reach()
    }

    private func force(_ due: [OpenMoves.Move]) async {
        do {
            try await DiskThreads.run { try OpenMoves.force(due) }
            Boundary.ingestAfterForce.reach()
            moves.putBack(due.map(\.submission), now: time.monotonic)
            recovered(Self.forcing)
        } catch {
            moves.putBack(due, now: time.monotonic)
            fail(Self.forcing, error)
        }
        moves.work = nil
        wake.signal()
    }

    private static let forcing = "forcing moves to the disk"

    /// Records moves that the last daemon did not get to: what comes under the same identity is dropped anew.
    func adoptLeftMoves() async throws {
        let left = try await store.unmovedSubmissions()
        guard !left.isEmpty else { return }
        let present = Set(try spool.directory.scan(limit: .max).map { [$0.identity.device, $0.identity.inode] })
        for (submission, file) in left where !present.contains([file.device, file.inode]) {
            moves.add(submission, from: spool.directory, errorFile: nil, now: time.monotonic)
        }
    }
}

extension OpenMoves {
    fileprivate static func force(_ moves: [Move]) throws {
        for move in moves {
            if let name = move.errorFile { try move.directory.rejected.force(name) }
        }
        var forced: Set<ObjectIdentifier> = []
        for move in moves where forced.insert(ObjectIdentifier(move.directory)).inserted {
            try move.directory.force()
        }
    }
}
