package import Alignment
package import JobModel

/// What a preference method asks of the loop, beside its loss.
package struct PreferencePlan: Sendable {
    package let objective: PreferenceObjective<SigmoidLoss>
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

    /// DPO and cDPO.
    package init(_ settings: DPOObjective) {
        objective = .dpo(beta: settings.beta, labelSmoothing: settings.labelSmoothing)
        chosenLikelihoodWeight = settings.sftWeight
        importance = nil
        anchors = nil
    }

    /// TI-DPO with any of its bases.
    package init(_ settings: TIDPOObjective) {
        let scores = TIDPOSettings(settings)
        objective = .tiDPO(scores)
        chosenLikelihoodWeight = 0
        importance = Importance(
            attribution: TokenAttribution(target: scores.attributionTarget, importance: scores.importance),
            model: settings.importanceModel, refresh: settings.importanceRefresh)
        anchors = objective.triplet == nil ? nil : settings
    }

    /// The same without anchors: evaluations report the base loss.
    var evaluationObjective: PreferenceObjective<SigmoidLoss> {
        PreferenceObjective(
            loss: objective.loss, reduction: objective.reduction, usesReference: objective.usesReference,
            penalty: objective.penalty, divergenceWeight: objective.divergenceWeight, triplet: nil)
    }
}
