package import Compute

/// LoRA (Hu et al. 2021) beside one linear: y += scale · (x Aᵀ) Bᵀ.
package struct LowRankAdapter {
    /// A: rank × inputs.
    package let down: Parameter
    /// B: outputs × rank.
    package let up: Parameter
    /// alpha / rank, or alpha / √rank (rank-stabilised).
    package let scale: Real

    /// An adapter of two parameters, trained or frozen.
    package init(down: Parameter, up: Parameter, scale: Real) {
        self.down = down
        self.up = up
        self.scale = scale
    }
}

/// Dropout on the input of the adapters of one group of linears.
package struct AdapterDropout: Sendable {
    /// Share of the input that is dropped.
    package let rate: Double
    /// Number of the group in the model: its part of the random stream.
    package let group: Int

    /// Each group of a model needs a number of its own.
    package init(rate: Double, group: Int) {
        self.rate = rate
        self.group = group
    }
}

/// What the memory that blocks share has to hold for the adapters of one group of linears.
package struct AdapterRoom: Sendable, Hashable {
    /// Ranks of its adapters together.
    let rank: Int
    /// Whether the input is dropped out for them.
    let dropsInput: Bool
}

/// Working memory of adapters, shared by all layers.
package struct AdapterScratch: BitwiseCopyable {
    /// tokens × widest adapted input: the input after dropout. Empty without dropout.
    let droppedInput: Matrix
    /// tokens × widest total rank.
    let lowRankGradient: Matrix

    /// For layers without adapters.
    package static let none = AdapterScratch(tokens: 0, width: 0, rank: 0, in: .measuring())

    init(tokens: Int, width: Int, rank: Int, in arena: Arena) {
        droppedInput = arena.matrix(tokens, width)
        lowRankGradient = arena.matrix(tokens, rank)
    }

    func dropped(_ tokens: Int, _ width: Int) -> Matrix {
        Matrix(base: droppedInput.base, rows: tokens, columns: width)
    }

    func gradient(_ tokens: Int, _ rank: Int) -> Matrix {
        Matrix(base: lowRankGradient.base, rows: tokens, columns: rank)
    }
}

/// The adapters of a group of linears. Matrices A that lie end to end are one product, and the members share one
/// dropout mask, which is drawn again in the adjoint instead of being kept.
struct AdapterGroup {
    struct Member {
        let adapter: LowRankAdapter
        let outputs: Range<Int>
        let ranks: Range<Int>
    }

    let members: [Member]
    let downs: [LinearGroup.Run]
    let totalRank: Int
    let inputWidth: Int
    let dropout: AdapterDropout?

    /// Nil when no member has an adapter.
    init?(_ adapters: [(adapter: LowRankAdapter?, outputs: Range<Int>)], dropout: AdapterDropout?) {
        var members: [Member] = []
        var downs: [LinearGroup.Run] = []
        var end = 0
        for case (let adapter?, let outputs) in adapters {
            let ranks = end..<end + adapter.down.value.rows
            end = ranks.upperBound
            members.append(Member(adapter: adapter, outputs: outputs, ranks: ranks))
            if let last = downs.last, last.weight.isFollowed(by: adapter.down) {
                downs[downs.count - 1] = LinearGroup.Run(
                    weight: last.weight.joined(with: adapter.down), columns: last.columns.lowerBound..<end)
            } else {
                downs.append(LinearGroup.Run(weight: adapter.down, columns: ranks))
            }
        }
        guard let first = members.first else { return nil }
        self.members = members
        self.downs = downs
        totalRank = end
        inputWidth = first.adapter.down.value.columns
        self.dropout = dropout.flatMap { $0.rate > 0 ? $0 : nil }
    }

    func forward(
        _ x: Matrix, into y: Matrix, _ lowRank: Matrix, _ scratch: AdapterScratch, _ pass: Pass, _ context: Context
    ) {
        let x = droppedInput(x, scratch, pass, context)
        for down in downs {
            multiply(x.n, down.weight.value.t, into: lowRank.columns(down.columns), context)
        }
        for member in members {
            multiply(
                lowRank.columns(member.ranks).n, member.adapter.up.value.t, into: y.columns(member.outputs),
                accumulate: true, scale: member.adapter.scale, context)
        }
    }

    /// Adds to the input gradient.
    func backward(
        _ dy: Matrix, input x: Matrix, _ lowRank: Matrix, _ scratch: AdapterScratch, inputGradient dx: Matrix?,
        _ pass: Pass, _ context: Context
    ) {
        let dLowRank = scratch.gradient(dy.rows, totalRank)
        for member in members {
            let (dy, ranks, scale) = (dy.columns(member.outputs), member.ranks, member.adapter.scale)
            member.adapter.up.accumulateGradient(dy.t, lowRank.columns(ranks).n, scale: scale, context)
            multiply(dy.n, member.adapter.up.value.n, into: dLowRank.columns(ranks), scale: scale, context)
        }
        accumulateDownGradients(dLowRank, input: x, scratch, pass, context)
        guard let dx else { return }
        accumulateInputGradient(dLowRank, into: dx, scratch, pass, context)
    }

    private func accumulateDownGradients(
        _ dLowRank: Matrix, input x: Matrix, _ scratch: AdapterScratch, _ pass: Pass, _ context: Context
    ) {
        guard downs.contains(where: { $0.weight.wantedGradient(context) != nil }) else { return }
        let x = droppedInput(x, scratch, pass, context)
        for down in downs {
            down.weight.accumulateGradient(dLowRank.columns(down.columns).t, x.n, context)
        }
    }

    private func accumulateInputGradient(
        _ dLowRank: Matrix, into dx: Matrix, _ scratch: AdapterScratch, _ pass: Pass, _ context: Context
    ) {
        guard let mask = mask(pass) else {
            for down in downs {
                multiply(
                    dLowRank.columns(down.columns).n, down.weight.value.n, into: dx, accumulate: true, context)
            }
            return
        }
        let dDropped = scratch.dropped(dx.rows, dx.columns)
        for (index, down) in downs.enumerated() {
            multiply(
                dLowRank.columns(down.columns).n, down.weight.value.n, into: dDropped, accumulate: index > 0, context)
        }
        mask.apply(to: dDropped, into: dDropped, context)
        accumulate(dDropped, into: dx, context)
    }

    /// The input the adapters see: x, or x after dropout in the scratch.
    private func droppedInput(
        _ x: Matrix, _ scratch: AdapterScratch, _ pass: Pass, _ context: Context
    ) -> Matrix {
        guard let mask = mask(pass) else { return x }
        let dropped = scratch.dropped(x.rows, x.columns)
        mask.apply(to: x, into: dropped, context)
        return dropped
    }

    private func mask(_ pass: Pass) -> DropoutMask? {
        guard let dropout, let stream = pass.dropout else { return nil }
        return DropoutMask(rate: dropout.rate, stream: stream, first: UInt64(dropout.group) << 40, rows: pass.rows)
    }
}

/// A mask as a pure function of its stream: drawn as often as needed, never stored.
private struct DropoutMask {
    let rate: Double
    let stream: RandomStream
    let first: UInt64
    let rows: RowSelection?

    func apply(to x: Matrix, into y: Matrix, _ context: Context) {
        guard let rows else { return dropout(x, into: y, rate: rate, stream: stream, first: first, context) }
        for run in rows.runs {
            dropout(
                x.rows(run.places), into: y.rows(run.places), rate: rate, stream: stream,
                first: first + UInt64(run.rows.lowerBound * x.columns), context)
        }
    }
}
