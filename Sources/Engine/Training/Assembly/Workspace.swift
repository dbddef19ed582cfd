package import Compute

/// Working memory of all passes of a process: one arena that has room for the largest pass so far.
package final class Workspace {
    package let team: ThreadTeam
    private var arena: Arena?

    package init(team: ThreadTeam) { self.team = team }

    /// A context for work that lays nothing out, such as the optimizer's.
    package func emptyContext() throws -> Context {
        Context(arena: try reserve(1 << 12), team: team, gradients: [])
    }

    /// Lays out memory twice, first to measure it, and gives it back afterwards. Nothing in it is zeroed.
    package func with<Memory, Result>(
        gradients: Gradients = [], _ layOut: (Context) -> Memory, _ body: (Memory, Context) throws -> Result
    ) throws -> Result {
        let arena = try reserve(Self.byteCount(team, layOut))
        let mark = arena.mark()
        defer { arena.rewind(to: mark) }
        let context = Context(arena: arena, team: team, gradients: gradients)
        return try body(layOut(context), context)
    }

    /// Runs work that lays out its own memory, of which it needs `byteCount`.
    package func with<Result>(byteCount: Int, _ body: (Context) throws -> Result) throws -> Result {
        let arena = try reserve(byteCount)
        let mark = arena.mark()
        defer { arena.rewind(to: mark) }
        return try body(Context(arena: arena, team: team, gradients: []))
    }

    /// Bytes that a layout takes.
    package static func byteCount<Memory>(_ team: ThreadTeam, _ layOut: (Context) -> Memory) -> Int {
        let measuring = Arena.measuring()
        _ = layOut(Context(arena: measuring, team: team, gradients: []))
        return measuring.highWaterMark
    }

    /// The arena with room for `byteCount` more. Outside of any use it may be replaced by a larger one; pages that are
    /// never touched cost nothing, so some are added to grow rarely.
    private func reserve(_ byteCount: Int) throws -> Arena {
        if let arena, arena.capacity - arena.used >= byteCount { return arena }
        precondition(
            arena.map { $0.used == 0 } ?? true, "a pass inside a pass needs its memory measured with the outer")
        arena = nil
        let larger = try Arena(byteCount: byteCount + byteCount / 4 + (1 << 16))
        arena = larger
        return larger
    }
}
