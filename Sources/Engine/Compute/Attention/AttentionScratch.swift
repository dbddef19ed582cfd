/// Working memory of attention.
package struct AttentionScratch: BitwiseCopyable {
    /// Bytes or scores for every thread, as the kernel of the team needs them.
    let memory: Memory
    /// What the second part of long spans adds to the gradients of keys and values (see `PackedAttention`); no rows
    /// where there are none.
    private(set) var keyGradient, valueGradient: Matrix

    enum Memory: BitwiseCopyable {
        case plain(PlainAttention.Scratch)
        case packed(PackedAttention.Scratch)
    }

    /// Room for the spans of a layout.
    ///
    /// - Parameter backward: false leaves out what only the adjoint needs.
    package init(layout: SequenceLayout, shape: AttentionShape, backward: Bool, in arena: Arena, team: ThreadTeam) {
        let isSplit = backward && layout.spans.contains { PackedAttention.parts(of: $0) > 1 }
        self.init(
            maximumKeyCount: layout.spans.map(\.keyCount).max() ?? 1, shape: shape, backward: backward,
            splitRows: isSplit ? layout.tokenCount : 0, in: arena, team: team)
    }

    /// Room for forward passes over spans of up to `maximumKeyCount` keys.
    package init(maximumKeyCount: Int, shape: AttentionShape, in arena: Arena, team: ThreadTeam) {
        self.init(
            maximumKeyCount: maximumKeyCount, shape: shape, backward: false, splitRows: 0, in: arena, team: team)
    }

    /// For a pass over fewer rows.
    package func rows(_ count: Int) -> AttentionScratch {
        var part = self
        part.keyGradient = keyGradient.rows(0..<min(count, keyGradient.rows))
        part.valueGradient = valueGradient.rows(0..<min(count, valueGradient.rows))
        return part
    }

    private init(
        maximumKeyCount: Int, shape: AttentionShape, backward: Bool, splitRows: Int, in arena: Arena, team: ThreadTeam
    ) {
        if let kernel = PackedAttention(team) {
            let width = shape.keyValueHeadCount * shape.headDimension
            memory = .packed(
                kernel.scratch(
                    maximumKeyCount: maximumKeyCount, shape: shape, backward: backward, in: arena, team: team))
            (keyGradient, valueGradient) = (arena.matrix(splitRows, width), arena.matrix(splitRows, width))
        } else {
            memory = .plain(
                PlainAttention.Scratch(maximumKeyCount: maximumKeyCount, backward: backward, in: arena, team: team))
            (keyGradient, valueGradient) = (arena.matrix(0, 0), arena.matrix(0, 0))
        }
    }
}
