/// Token-importance guided DPO (arXiv 2505.19653). Every knob of the paper, of its release and of their ambiguities.
package struct TIDPOObjective: Sendable, Hashable {
    /// The set of values that fills what the specification leaves out.
    package var preset = TIDPOPreset.paperEquations
    /// Scale of the implicit reward.
    package var beta = 0.1
    /// Share of gradient attribution against the Gaussian prior, 0...1.
    package var lambda = 0.7
    /// The prior's sigma is span length / this.
    package var priorSigmaDivisor = 4.0
    /// Smallest sigma, in tokens.
    package var priorSigmaFloor = 1.0
    /// Tokens over which importance is normalised.
    package var span = ImportanceSpan.response
    /// How weights are scaled.
    package var weightScale = WeightScale.meanOne
    /// The scalar whose gradient is the attribution.
    package var attributionTarget = AttributionTarget.predictLast
    /// Norm over embedding channels.
    package var attributionNorm = AttributionNorm.l1
    /// The model that is asked for importance.
    package var importanceModel = ImportanceModel.policy
    /// How often importance is computed anew.
    package var importanceRefresh = ImportanceRefresh.step
    /// The preference loss under the weights.
    package var baseObjective = BaseObjective.dpo
    /// Weight of the sequential KL difference inside the base loss (TDPO).
    package var klAlpha = 0.0
    /// Weight of an added mean KL.
    package var klCoefficient = 0.0
    /// Weight of the triplet term; 0 switches it off with its anchors.
    package var gamma = 0.1
    /// Margin of the triplet term.
    package var tripletMargin = 0.1
    /// Whether squared distances are divided by the overlap length.
    package var tripletNormalize = TripletNormalization.none
    /// Where anchors start.
    package var anchorSource = AnchorSource.prompt
    /// Tokens of the chosen response before the anchor with `anchor_source: chosen_prefix`.
    package var anchorPrefix = 8
    /// Most tokens of an anchor.
    package var anchorMaxNew = 64
    /// Anchor sampling: the most likely ids that stay; 0 keeps all.
    package var topK = 50
    /// Anchor sampling: the probability mass that stays.
    package var topP = 0.95
    /// Anchor sampling temperature.
    package var temperature = 0.8

    /// Preset `paper_eq`.
    package init() {}
}

/// Named sets of TI-DPO settings.
package enum TIDPOPreset: String, Sendable, Hashable, CaseIterable {
    /// The paper's equations.
    case paperEquations = "paper_eq"
    /// The paper's table of hyper-parameters: a TDPO2 base.
    case paperTable = "paper_table"
    /// The authors' released code.
    case release
    /// The authors' ablation without the triplet term.
    case noTriplet = "no_triplet"

    /// Sets what the preset says differently from the equations.
    package func apply(to objective: inout TIDPOObjective) {
        objective = TIDPOObjective()
        objective.preset = self
        switch self {
        case .paperEquations: break
        case .paperTable:
            objective.baseObjective = .tdpo2
            objective.klAlpha = 0.5
        case .release:
            objective.baseObjective = .tdpo2
            objective.klAlpha = 0.5
            objective.span = .full
            objective.attributionTarget = .afterLast
            objective.priorSigmaDivisor = 8
            objective.beta = 0.2
            objective.lambda = 0.2
            objective.gamma = 0.001
            objective.tripletMargin = 0.001
        case .noTriplet: objective.gamma = 0
        }
    }
}

/// Tokens over which importance is normalised and the prior is centred.
package enum ImportanceSpan: String, Sendable, Hashable, CaseIterable {
    case response
    /// Prompt and response.
    case full
}

/// How token weights are scaled.
package enum WeightScale: String, Sendable, Hashable, CaseIterable {
    /// Their mean is 1: uniform weights are DPO.
    case meanOne = "mean_one"
    /// Their sum is 1.
    case sumOne = "sum_one"
    /// As printed: attribution sums to 1, the prior peaks at 1.
    case paperLiteral = "paper_literal"
    /// Their maximum is 1.
    case maxOne = "max_one"
}

/// The scalar whose gradient with respect to the input embeddings is the attribution.
package enum AttributionTarget: String, Sendable, Hashable, CaseIterable {
    /// Largest logit of the row that predicts the last token.
    case predictLast = "predict_last"
    /// Largest logit after the last token.
    case afterLast = "after_last"
    /// Negative log-likelihood of the response.
    case responseNLL = "response_nll"
    /// The pair's margin.
    case margin
}

/// Norm over embedding channels.
package enum AttributionNorm: String, Sendable, Hashable, CaseIterable {
    case l1
    case l2
}

/// The model that is asked for importance.
package enum ImportanceModel: String, Sendable, Hashable, CaseIterable {
    case policy
    case reference
}

/// How often importance is computed anew.
package enum ImportanceRefresh: Sendable, Hashable {
    /// For every microbatch.
    case step
    /// Every so many optimizer steps.
    case every(Int)
    /// Once for every row.
    case once
}

/// The preference loss under the weights.
package enum BaseObjective: String, Sendable, Hashable, CaseIterable {
    case dpo
    case tdpo1
    case tdpo2
}

/// Whether squared distances of the triplet term are divided by the overlap length.
package enum TripletNormalization: String, Sendable, Hashable, CaseIterable {
    case none
    case mean
}

/// Where anchors start.
package enum AnchorSource: String, Sendable, Hashable, CaseIterable {
    /// Sampled from the prompt.
    case prompt
    /// Sampled after the first `anchor_prefix` tokens of the chosen response.
    case chosenPrefix = "chosen_prefix"
    /// Each token sampled after the chosen tokens before it.
    case teacherForced = "teacher_forced"
}
