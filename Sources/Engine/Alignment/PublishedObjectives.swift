/// The published combinations of loss, reduction and divergence terms, by name.
extension PreferenceObjective where Loss == SigmoidLoss {
    /// DPO; with label smoothing, cDPO.
    package static func dpo(beta: Double, labelSmoothing: Double = 0) -> Self {
        Self(loss: SigmoidLoss(beta: beta, labelSmoothing: labelSmoothing))
    }

    /// DPO on per-token mean log-ratios (TRL's `sigmoid_norm`).
    package static func lengthNormalizedDPO(beta: Double) -> Self {
        Self(loss: SigmoidLoss(beta: beta), reduction: .mean)
    }

    /// TDPO1: position divergences on both sides, both differentiated.
    package static func tdpo1(beta: Double) -> Self {
        Self(loss: SigmoidLoss(beta: beta), penalty: .bothSides)
    }

    /// TDPO2: position divergences scaled by α, the chosen side held constant.
    package static func tdpo2(beta: Double, alpha: Double) -> Self {
        Self(loss: SigmoidLoss(beta: beta), penalty: .rejectedSide(alpha: alpha))
    }

    /// TI-DPO: token-importance weighted margin, optional TDPO base, triplet term.
    package static func tiDPO(_ settings: TIDPOSettings) -> Self {
        Self(
            loss: SigmoidLoss(beta: settings.beta, labelSmoothing: settings.labelSmoothing),
            penalty: settings.penalty, divergenceWeight: settings.divergenceWeight, triplet: settings.triplet)
    }
}

extension PreferenceObjective where Loss == RobustLoss {
    /// Robust DPO for labels flipped with probability `flipRate`.
    package static func robust(beta: Double, flipRate: Double) -> Self {
        Self(loss: RobustLoss(beta: beta, flipRate: flipRate))
    }
}

extension PreferenceObjective where Loss == IdentityLoss {
    /// IPO on mean log-ratios (default) or on their sums.
    package static func ipo(tau: Double, lengthNormalized: Bool = true) -> Self {
        Self(loss: IdentityLoss(tau: tau), reduction: lengthNormalized ? .mean : .sum)
    }
}

extension PreferenceObjective where Loss == HingeLoss {
    /// SLiC's hinge on summed log-ratios.
    package static func hinge(beta: Double) -> Self {
        Self(loss: HingeLoss(beta: beta))
    }
}

extension PreferenceObjective where Loss == TargetMarginLoss {
    /// SimPO: mean log-probabilities, a target margin, no reference.
    package static func simpo(beta: Double, targetRatio: Double) -> Self {
        Self(
            loss: TargetMarginLoss(beta: beta, targetRatio: targetRatio), reduction: .mean, usesReference: false)
    }
}
