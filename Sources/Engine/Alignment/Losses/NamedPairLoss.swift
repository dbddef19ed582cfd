/// Any of the losses in this folder: what a specification names is known only when the program runs.
package enum NamedPairLoss: PairLoss {
    /// DPO, cDPO, TDPO.
    case sigmoid(SigmoidLoss)
    /// Robust DPO.
    case robust(RobustLoss)
    /// IPO.
    case identity(IdentityLoss)
    /// SLiC.
    case hinge(HingeLoss)

    private var loss: any PairLoss {
        switch self {
        case .sigmoid(let loss): loss
        case .robust(let loss): loss
        case .identity(let loss): loss
        case .hinge(let loss): loss
        }
    }

    package var rewardScale: Double { loss.rewardScale }

    package func callAsFunction(chosen: Double, rejected: Double) -> PairLossValue {
        loss(chosen: chosen, rejected: rejected)
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
