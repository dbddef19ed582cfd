/// Every setting of TI-DPO that concerns scores; the presets are the published combinations.
package struct TIDPOSettings: Sendable, Equatable {
    /// What the weighted margin is put into.
    package enum BaseObjective: String, Sendable, CaseIterable {
        /// Weighted DPO (TI-DPO eq. 12).
        case dpo
        /// Weighted TDPO1: both divergences differentiated, no α.
        case tdpo1
        /// Weighted TDPO2 with α, as in the release.
        case tdpo2
    }

    /// The published combinations.
    package enum Preset: String, Sendable, CaseIterable {
        /// The paper's equations; the default.
        case paperEquations = "paper_eq"
        /// The paper's hyper-parameter table: the equations on a TDPO2 base with α 0.5.
        case paperTable = "paper_table"
        /// The authors' code: TDPO2 base, importance over prompt and response, target after the last token.
        case release
        /// The equations without the triplet term: an ablation row of the paper.
        case noTriplet = "no_triplet"
    }

    /// Inverse temperature β.
    package var beta = 0.1
    /// Believed share of flipped labels, as in cDPO; the paper has none.
    package var labelSmoothing = 0.0
    /// What the weighted margin is put into.
    package var baseObjective = BaseObjective.dpo
    /// α of the TDPO2 base.
    package var divergenceAlpha = 0.0
    /// Weight of the additional term `½ (K(chosen) + K(rejected))` (`kl_coef`).
    package var divergenceWeight = 0.0
    /// Weight γ of the triplet term; 0 switches it off, and then no anchors are sampled.
    package var tripletWeight = 0.1
    /// Margin of the triplet term; 0 is legal.
    package var tripletMargin = 0.1
    /// Treatment of the overlap's length in the triplet distances.
    package var tripletNormalization = TripletTerm.Normalization.none
    /// How raw attributions become token weights.
    package var importance = TokenImportance()
    /// Which scalar is attributed to the embeddings.
    package var attributionTarget = AttributionTarget.predictLast

    /// The settings of a preset; single values may then be overridden.
    package init(_ preset: Preset = .paperEquations) {
        switch preset {
        case .paperEquations:
            break
        case .paperTable:
            baseObjective = .tdpo2
            divergenceAlpha = 0.5
        case .release:
            baseObjective = .tdpo2
            divergenceAlpha = 0.5
            beta = 0.2
            tripletWeight = 0.001
            tripletMargin = 0.001
            attributionTarget = .afterLast
            importance = TokenImportance(gradientShare: 0.2, priorWidthDivisor: 8, span: .full)
        case .noTriplet:
            tripletWeight = 0
        }
    }

    var penalty: DivergencePenalty {
        switch baseObjective {
        case .dpo: .none
        case .tdpo1: .bothSides
        case .tdpo2: .rejectedSide(alpha: divergenceAlpha)
        }
    }

    /// The triplet term, gated on its weight and not on its margin.
    package var triplet: TripletTerm? {
        guard tripletWeight > 0 else { return nil }
        return TripletTerm(weight: tripletWeight, margin: tripletMargin, normalization: tripletNormalization)
    }
}

/// The scalar whose gradient with respect to the embedding rows is a token's raw importance.
package enum AttributionTarget: String, Sendable, CaseIterable {
    /// Largest logit of the row that predicts the final token, whose own importance is then 0 (TI-DPO eq. 5).
    case predictLast = "predict_last"
    /// Largest logit of the row after the final token, as in the authors' code.
    case afterLast = "after_last"
    /// Negative log-likelihood of the response; reflects all of it, not its closing token.
    case responseNLL = "response_nll"
    /// Summed log-probabilities of chosen minus rejected. With a response span it gives the importances of the
    /// negative log-likelihood; prompt rows see the difference of both branches.
    case margin
}
