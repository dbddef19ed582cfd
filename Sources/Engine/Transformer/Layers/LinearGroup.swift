package import Compute

/// Linears that read one input and write their outputs side by side: q, k, v; gate, up; or a single one.
///
/// Weights that lie end to end in memory are one matrix and one product; a trained model's always do, a mapped file's
/// where its order allows. Output columns follow the order in memory, so ask `columns` for a member's place.
package struct LinearGroup {
    /// One linear of a group: y = x Wᵀ (+ bias) (+ adapter).
    package struct Member {
        /// outputs × inputs.
        package let weight: Parameter
        /// 1 × outputs.
        package let bias: Parameter?
        /// LoRA beside it.
        package let adapter: LowRankAdapter?

        /// A linear without bias and adapter by default.
        package init(weight: Parameter, bias: Parameter? = nil, adapter: LowRankAdapter? = nil) {
            self.weight = weight
            self.bias = bias
            self.adapter = adapter
        }
    }

    /// Weights that are multiplied at once, and where their output goes.
    struct Run {
        let weight: Parameter
        let columns: Range<Int>
    }

    /// The output columns of each member, in the order the members were given.
    package let columns: [Range<Int>]
    /// Channels of the input.
    package let inputWidth: Int
    /// Channels of all outputs together.
    package let outputWidth: Int
    let runs: [Run]
    let biases: [Run]
    /// Every member's weight by itself, in the order of the members: each is multiplied together with its adapter.
    let parts: [Run]
    let adapters: AdapterGroup?
    let adapterRoom: AdapterRoom
    private let members: [Member]
    private let dropout: AdapterDropout?

    /// - Parameters:
    ///   - dropout: the rate on the input of the adapters.
    ///   - room: what the adapters of this group need in the block of a stack that needs most, where blocks differ.
    package init(_ members: [Member], dropout: AdapterDropout? = nil, room: AdapterRoom? = nil) {
        let order = members.indices.sorted { members[$0].weight.elements.address < members[$1].weight.elements.address }
        var columns = [Range<Int>](repeating: 0..<0, count: members.count)
        var runs: [Run] = []
        var end = 0
        for index in order {
            let weight = members[index].weight
            columns[index] = end..<end + weight.elements.rows
            end += weight.elements.rows
            if let last = runs.last, last.weight.isFollowed(by: weight) {
                runs[runs.count - 1] = Run(
                    weight: last.weight.joined(with: weight), columns: last.columns.lowerBound..<end)
            } else {
                runs.append(Run(weight: weight, columns: columns[index]))
            }
        }
        (self.members, self.dropout) = (members, dropout)
        self.columns = columns
        self.runs = runs
        outputWidth = end
        inputWidth = members.first?.weight.elements.columns ?? 0
        biases = zip(members, columns).compactMap { member, columns in
            member.bias.map { Run(weight: $0, columns: columns) }
        }
        parts = zip(members, columns).map { Run(weight: $0.weight, columns: $1) }
        adapters = AdapterGroup(members.map(\.adapter), dropout: dropout)
        adapterRoom = room ?? AdapterRoom(rank: adapters?.totalRank ?? 0, dropsInput: adapters?.dropout != nil)
    }

    /// Some of the linears, which draw the same dropout masks as they do here.
    func part(_ indices: ClosedRange<Int>) -> LinearGroup { LinearGroup(Array(members[indices]), dropout: dropout) }

    /// What a pass keeps for its adjoint.
    package struct Activations: BitwiseCopyable {
        /// tokens × total rank; no columns without adapters.
        let lowRank: Matrix

        func rows(_ rows: Range<Int>) -> Activations { Activations(lowRank: lowRank.rows(rows)) }
    }

    /// Lays out the memory of a pass over `tokens` rows.
    package func activations(_ tokens: Int, in arena: Arena) -> Activations {
        Activations(lowRank: arena.matrix(tokens, adapterRoom.rank))
    }

    /// y = x Wᵀ + bias + s (dropout(x) Aᵀ) Bᵀ for every member.
    ///
    /// - Parameters:
    ///   - x: tokens × inputWidth.
    ///   - y: tokens × outputWidth, overwritten.
    package func forward(
        _ x: Matrix, into y: Matrix, _ a: Activations, _ scratch: AdapterScratch, _ pass: Pass, _ context: Context
    ) {
        if pass.adapters == .on, let adapters {
            adapters.forward(x, beside: parts, into: y, a.lowRank, scratch, pass, context)
        } else {
            multiply(x.n, group: runs.count, context) { index in
                GroupedProduct(runs[index].weight.elements.t, into: y.columns(runs[index].columns))
            }
        }
        for bias in biases { addBias(bias.weight.value, to: y.columns(bias.columns), context) }
    }

    /// Parameter gradients are added where wanted; `inputGradient` is overwritten before the input is read, so it must
    /// not be the memory of `x`.
    package func backward(
        _ dy: Matrix, input x: Matrix, _ a: Activations, _ scratch: AdapterScratch, inputGradient dx: Matrix?,
        _ pass: Pass, _ context: Context
    ) {
        differentiate(dy, a, scratch, inputGradient: dx, pass, context)
        accumulateGradients(dy, input: x, scratch, pass, context)
    }

    /// The part of the adjoint that does not read the input: `inputGradient` is overwritten. `accumulateGradients` has
    /// to follow before `scratch` serves another group.
    func differentiate(
        _ dy: Matrix, _ a: Activations, _ scratch: AdapterScratch, inputGradient dx: Matrix?, _ pass: Pass,
        _ context: Context
    ) {
        if pass.adapters == .on, let adapters {
            adapters.differentiate(dy, beside: parts, a.lowRank, scratch, inputGradient: dx, pass, context)
        } else if let dx {
            for (index, run) in runs.enumerated() {
                multiply(dy.columns(run.columns).n, run.weight.elements.n, into: dx, accumulate: index > 0, context)
            }
        }
    }

    /// The other part: what is left of the parameters' gradients is added where wanted.
    func accumulateGradients(
        _ dy: Matrix, input x: Matrix, _ scratch: AdapterScratch, _ pass: Pass, _ context: Context
    ) {
        for run in runs {
            run.weight.accumulateGradient(dy.columns(run.columns).t, x.n, context)
        }
        for bias in biases {
            guard let gradient = bias.weight.wantedGradient(context) else { continue }
            accumulateColumnSums(of: dy.columns(bias.columns), into: gradient, context)
        }
        if pass.adapters == .on { adapters?.accumulateDownGradients(input: x, scratch, pass, context) }
    }
}
