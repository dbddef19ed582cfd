package import Alignment
package import JobModel

/// What a preference method asks of the loop, beside its loss.
package struct PreferencePlan: Sendable {
    package let objective: PreferenceObjective<NamedPairLoss>
    /// Weight of an added mean negative log-likelihood of the chosen response.
    package let chosenLikelihoodWeight: Double
    /// Token importance; nil weighs all tokens alike.
    package let importance: Importance?
    /// Anchors of the triplet term; nil without one.
    package let anchors: TIDPOObjective?

    /// How token weights are found.
    package struct Importance: Sendable {
        package let attribution: TokenAttribution
        package let model: ImportanceModel
        package let refresh: ImportanceRefresh
    }

    /// DPO and its family.
    package init(_ settings: DPOObjective) {
        objective = PreferenceObjective(settings)
        chosenLikelihoodWeight = settings.sftWeight
        importance = nil
        anchors = nil
    }

    /// TI-DPO with any of its bases.
    package init(_ settings: TIDPOObjective) {
        let scores = TIDPOSettings(settings)
        objective = PreferenceObjective<SigmoidLoss>.tiDPO(scores).named { .sigmoid($0) }
        chosenLikelihoodWeight = 0
        importance = Importance(
            attribution: TokenAttribution(target: scores.attributionTarget, importance: scores.importance),
            model: settings.importanceModel, refresh: settings.importanceRefresh)
        anchors = objective.triplet == nil ? nil : settings
    }

    /// The same without anchors: evaluations report the base loss.
    var evaluationObjective: PreferenceObjective<NamedPairLoss> {
        PreferenceObjective(
            loss: objective.loss, reduction: objective.reduction, usesReference: objective.usesReference,
            penalty: objective.penalty, divergenceWeight: objective.divergenceWeight, triplet: nil)
    }
}

extension PreferenceObjective<NamedPairLoss> {
    /// The member of the DPO family that a specification names.
    init(_ settings: DPOObjective) {
        let beta = settings.beta
        self =
            switch settings.loss {
            case .sigmoid:
                PreferenceObjective<SigmoidLoss>.dpo(beta: beta, labelSmoothing: settings.labelSmoothing)
                    .named { .sigmoid($0) }
            case .hinge: PreferenceObjective<HingeLoss>.hinge(beta: beta).named { .hinge($0) }
            case .ipo:
                PreferenceObjective<IdentityLoss>.ipo(tau: beta, lengthNormalized: settings.ipoLengthNorm)
                    .named { .identity($0) }
            case .robust:
                PreferenceObjective<RobustLoss>.robust(beta: beta, flipRate: settings.labelSmoothing)
                    .named { .robust($0) }
            case .lengthNormalized:
                PreferenceObjective<SigmoidLoss>.lengthNormalizedDPO(beta: beta).named { .sigmoid($0) }
            case .tdpo1: PreferenceObjective<SigmoidLoss>.tdpo1(beta: beta).named { .sigmoid($0) }
            case .tdpo2:
                PreferenceObjective<SigmoidLoss>.tdpo2(beta: beta, alpha: settings.klAlpha).named { .sigmoid($0) }
            }
    }
}
