package import Compute

extension DecoderBlock {
    /// Where the tensors of a block come from, whatever holds them.
    package struct Parts {
        /// The number of the layer in its stack: its share of the random numbers of dropout.
        package let layer: Int
        /// The tensor in a place; nil for one that the family does not have.
        package let parameter: (LayerRole) -> Parameter?
        /// LoRA beside a linear.
        package let adapter: (LayerRole) -> LowRankAdapter?
        /// Dropout on the input of the adapters.
        package let dropout: Double
        /// What the adapters of a group of linears need in the layer that needs most; nil where all layers are alike.
        let room: (Int) -> AdapterRoom?

        /// The loader must have checked that every tensor of the weight table is there.
        package init(
            layer: Int, parameter: @escaping (LayerRole) -> Parameter?,
            adapter: @escaping (LayerRole) -> LowRankAdapter?, dropout: Double
        ) {
            self.init(layer: layer, parameter: parameter, adapter: adapter, dropout: dropout) { _ in nil }
        }

        init(
            layer: Int, parameter: @escaping (LayerRole) -> Parameter?,
            adapter: @escaping (LayerRole) -> LowRankAdapter?, dropout: Double,
            room: @escaping (Int) -> AdapterRoom?
        ) {
            self.layer = layer
            self.parameter = parameter
            self.adapter = adapter
            self.dropout = dropout
            self.room = room
        }
    }

    /// Puts a block together from its parts.
    package init(_ parts: Parts, shape: AttentionShape, rotary: RotaryTable, epsilon: Double) {
        func norm(_ role: LayerRole) -> RMSNorm { RMSNorm(weight: parts.required(role), epsilon: epsilon) }
        func headNorm(_ role: LayerRole) -> HeadNorm? {
            parts.parameter(role).map { HeadNorm(weight: $0, epsilon: epsilon) }
        }
        self.init(
            attention: SelfAttention(
                norm: norm(.attentionNorm), projections: parts.group(0), output: parts.group(1),
                queryNorm: headNorm(.queryNorm), keyNorm: headNorm(.keyNorm), shape: shape, rotary: rotary),
            feedForward: GatedMLP(norm: norm(.feedForwardNorm), expansion: parts.group(2), down: parts.group(3)))
    }

    /// A block of this one's shape, window and positions, with tensors and adapters of its own.
    package func rebuilt(from parts: Parts) -> DecoderBlock {
        DecoderBlock(
            parts, shape: attention.shape, rotary: attention.rotary, epsilon: attention.norm.epsilon)
    }
}

extension DecoderBlock.Parts {
    /// One group of linears with its biases and adapters.
    fileprivate func group(_ index: Int) -> LinearGroup {
        let members = LayerRole.linearGroups[index].map { linear in
            LinearGroup.Member(
                weight: required(linear), bias: linear.bias.flatMap(parameter), adapter: adapter(linear))
        }
        let number = layer * LayerRole.linearGroups.count + index
        return LinearGroup(members, dropout: AdapterDropout(rate: dropout, group: number), room: room(index))
    }

    fileprivate func required(_ role: LayerRole) -> Parameter {
        guard let parameter = parameter(role) else { preconditionFailure("layer \(layer) has no \(role)") }
        return parameter
    }
}

extension LayerRole {
    /// The bias that goes with a linear.
    fileprivate var bias: LayerRole? {
        switch self {
        case .query: .queryBias
        case .key: .keyBias
        case .value: .valueBias
        case .output: .outputBias
        case .gate: .gateBias
        case .up: .upBias
        case .down: .downBias
        default: nil
        }
    }
}
