internal import Compute
internal import Transformer

extension DecoderBlock {
    /// Where the parts of a rebuilt block come from.
    struct Parts {
        /// The number of the layer in its stack: its share of the random numbers of dropout.
        let layer: Int
        /// The tensor in a place; nil for one that the family does not have.
        let parameter: (LayerRole) -> Parameter?
        /// LoRA beside a linear.
        let adapter: (LayerRole) -> LowRankAdapter?
        /// Dropout on the input of the adapters.
        let dropout: Double
    }

    /// A block of this one's shape, window and positions, with tensors and adapters of its own.
    func rebuilt(from parts: Parts) -> DecoderBlock {
        let epsilon = attention.norm.epsilon
        func norm(_ role: LayerRole) -> RMSNorm { RMSNorm(weight: parts.required(role), epsilon: epsilon) }
        func headNorm(_ role: LayerRole) -> HeadNorm? {
            parts.parameter(role).map { HeadNorm(weight: $0, epsilon: epsilon) }
        }
        return DecoderBlock(
            attention: SelfAttention(
                norm: norm(.attentionNorm), projections: parts.group(0), output: parts.group(1),
                queryNorm: headNorm(.queryNorm), keyNorm: headNorm(.keyNorm), shape: attention.shape,
                rotary: attention.rotary),
            feedForward: GatedMLP(norm: norm(.feedForwardNorm), expansion: parts.group(2), down: parts.group(3)))
    }
}

extension DecoderBlock.Parts {
    /// Linears that read one input, each with the bias that goes with it.
    static let linearGroups: [[(weight: LayerRole, bias: LayerRole)]] = [
        [(.query, .queryBias), (.key, .keyBias), (.value, .valueBias)], [(.output, .outputBias)],
        [(.gate, .gateBias), (.up, .upBias)], [(.down, .downBias)],
    ]

    fileprivate func group(_ index: Int) -> LinearGroup {
        let members = Self.linearGroups[index].map { linear in
            LinearGroup.Member(
                weight: required(linear.weight), bias: parameter(linear.bias), adapter: adapter(linear.weight))
        }
        let number = layer * Self.linearGroups.count + index
        return LinearGroup(members, dropout: AdapterDropout(rate: dropout, group: number))
    }

    fileprivate func required(_ role: LayerRole) -> Parameter {
        guard let parameter = parameter(role) else { preconditionFailure("layer \(layer) has no \(role)") }
        return parameter
    }
}
