/// The losses that a specification can name; which one is known only when the program runs.
package enum NamedPairLoss: PairLoss {
    /// DPO, cDPO, TDPO.
    case sigmoid(SigmoidLoss)
    /// Robust DPO.
    case robust(RobustLoss)
    /// IPO.
    case identity(IdentityLoss)
    /// SLiC.
    case hinge(HingeLoss)

    package var rewardScale: Double {
        switch self {
        case .sigmoid(let loss): loss.rewardScale
        case .robust(let loss): loss.rewardScale
        case .identity(let loss): loss.rewardScale
        case .hinge(let loss): loss.rewardScale
        }
    }

    package func callAsFunction(chosen: Double, rejected: Double) -> PairLossValue {
        switch self {
        case .sigmoid(let loss): loss(chosen: chosen, rejected: rejected)
        case .robust(let loss): loss(chosen: chosen, rejected: rejected)
        case .identity(let loss): loss(chosen: chosen, rejected: rejected)
        case .hinge(let loss): loss(chosen: chosen, rejected: rejected)
        }
    }
}

extension PreferenceObjective {
    /// The same objective with its loss by name.
    package func named(_ name: (Loss) -> NamedPairLoss) -> PreferenceObjective<NamedPairLoss> {
        PreferenceObjective<NamedPairLoss>(
            loss: name(loss), reduction: reduction, usesReference: usesReference, penalty: penalty,
            divergenceWeight: divergenceWeight, triplet: triplet)
    }

    /// The loss of a pair for which policy and reference agree on every token.
    package var lossAtStart: Double { loss(chosen: 0, rejected: 0).loss }
}
