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
///
/// Both directions are further depth of the linears' own products, x Wᵀ + u Bᵀ and ∂y W + ∂u A: the adapters' outputs
/// pass memory with the linears' and not once more.
struct AdapterGroup {
    struct Member {
        let adapter: LowRankAdapter
        let ranks: Range<Int>
    }

    /// Matrices A of one scale that are multiplied at once, and where their output goes.
    struct Down {
        let weight: Parameter
        let ranks: Range<Int>
        let scale: Real
    }

    /// One for each linear of the group; nil for one without an adapter.
    let members: [Member?]
    let downs: [Down]
    let totalRank: Int
    let dropout: AdapterDropout?

    /// Nil when no member has an adapter.
    init?(_ adapters: [LowRankAdapter?], dropout: AdapterDropout?) {
        var members: [Member?] = []
        var downs: [Down] = []
        var end = 0
        for adapter in adapters {
            guard let adapter else {
                members.append(nil)
                continue
            }
            let ranks = end..<end + adapter.down.value.rows
            end = ranks.upperBound
            members.append(Member(adapter: adapter, ranks: ranks))
            if let last = downs.last, last.scale == adapter.scale, last.weight.isFollowed(by: adapter.down) {
                downs[downs.count - 1] = Down(
                    weight: last.weight.joined(with: adapter.down), ranks: last.ranks.lowerBound..<end,
                    scale: adapter.scale)
            } else {
                downs.append(Down(weight: adapter.down, ranks: ranks, scale: adapter.scale))
            }
        }
        guard !downs.isEmpty else { return nil }
        self.members = members
        self.downs = downs
        totalRank = end
        self.dropout = dropout.flatMap { $0.rate > 0 ? $0 : nil }
    }

    /// y = x Wᵀ + u Bᵀ for every linear.
    ///
    /// - Parameters:
    ///   - linears: one for each member.
    ///   - lowRank: u = s dropout(x) Aᵀ of all members, kept for the adjoint.
    func forward(
        _ x: Matrix, beside linears: [LinearGroup.Run], into y: Matrix, _ lowRank: Matrix, _ scratch: AdapterScratch,
        _ pass: Pass, _ context: Context
    ) {
        func projection(_ index: Int) -> GroupedProduct {
            let down = downs[index]
            return GroupedProduct(down.weight.value.t, into: lowRank.columns(down.ranks), scale: down.scale)
        }
        func linear(_ index: Int) -> GroupedProduct {
            let (linear, member) = (linears[index], members[index])
            return GroupedProduct(
                linear.weight.elements.t, into: y.columns(linear.columns),
                further: member.map { .init(lowRank.columns($0.ranks), $0.adapter.up.value.t) })
        }
        if mask(pass) != nil {
            multiply(droppedInput(x, scratch, pass, context).n, group: downs.count, context, projection)
            multiply(x.n, group: linears.count, context, linear)
        } else {
            multiply(x.n, group: downs.count + linears.count, context) { index in
                index < downs.count ? projection(index) : linear(index - downs.count)
            }
        }
    }

    /// Overwrites ∂x with ∂y W + ∂u A where wanted, and adds to the gradients of the matrices B. Those of the matrices
    /// A follow, when the input is there.
    func differentiate(
        _ dy: Matrix, beside linears: [LinearGroup.Run], _ lowRank: Matrix, _ scratch: AdapterScratch,
        inputGradient dx: Matrix?, _ pass: Pass, _ context: Context
    ) {
        let dLowRank = scratch.gradient(dy.rows, totalRank)
        let hasMask = mask(pass) != nil
        for (index, linear) in linears.enumerated() {
            let (member, dy) = (members[index], dy.columns(linear.columns))
            let product = dx.map { dx in
                GroupedProduct(
                    linear.weight.elements.n, into: dx, accumulate: index > 0,
                    further: hasMask ? nil : member.map { .init(dLowRank.columns($0.ranks), $0.adapter.down.value.n) })
            }
            differentiate(dy, member, dLowRank, followedBy: product, context)
            if let member {
                member.adapter.up.accumulateGradient(dy.t, lowRank.columns(member.ranks).n, context)
            }
        }
        if let dx, let mask = mask(pass) { accumulateInputGradient(dLowRank, mask, into: dx, scratch, context) }
    }

    /// ∂u = s ∂y B of one member, and what else is made of the same ∂y.
    private func differentiate(
        _ dy: Matrix, _ member: Member?, _ dLowRank: Matrix, followedBy product: GroupedProduct?, _ context: Context
    ) {
        let own = member.map { member in
            GroupedProduct(
                member.adapter.up.value.n, into: dLowRank.columns(member.ranks), scale: member.adapter.scale)
        }
        switch (own, product) {
        case (let own?, let product?): multiply(dy.n, group: 2, context) { $0 == 0 ? own : product }
        case (let single?, nil), (nil, let single?): multiply(dy.n, group: 1, context) { _ in single }
        case (nil, nil): break
        }
    }

    /// Adds to the gradients of the matrices A, from what `differentiate` left in `scratch`.
    func accumulateDownGradients(input x: Matrix, _ scratch: AdapterScratch, _ pass: Pass, _ context: Context) {
        guard downs.contains(where: { $0.weight.wantedGradient(context) != nil }) else { return }
        let dLowRank = scratch.gradient(x.rows, totalRank)
        let x = droppedInput(x, scratch, pass, context)
        for down in downs {
            down.weight.accumulateGradient(dLowRank.columns(down.ranks).t, x.n, context)
        }
    }

    private func accumulateInputGradient(
        _ dLowRank: Matrix, _ mask: DropoutMask, into dx: Matrix, _ scratch: AdapterScratch, _ context: Context
    ) {
        let dDropped = scratch.dropped(dx.rows, dx.columns)
        for (index, down) in downs.enumerated() {
            multiply(
                dLowRank.columns(down.ranks).n, down.weight.value.n, into: dDropped, accumulate: index > 0, context)
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
