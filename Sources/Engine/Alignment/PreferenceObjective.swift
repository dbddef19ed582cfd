/// A preference objective: token scores of a pair in, loss and the derivative of every token score out.
///
/// The seam between model and method. Everything is per pair and unscaled: the trainer divides by the number of pairs
/// of the whole optimizer step, so that accumulation equals one large batch.
package struct PreferenceObjective<Loss: PairLoss>: Sendable {
    /// The loss of the two scores.
    package let loss: Loss
    /// How token log-ratios become a score.
    package let reduction: TokenReduction
    /// Whether scores are log-ratios to a reference or bare log-probabilities.
    package let usesReference: Bool
    /// How position divergences enter the scores.
    package let penalty: DivergencePenalty
    /// Weight of the additional term `½ (K(chosen) + K(rejected))`.
    package let divergenceWeight: Double
    /// The triplet term; nil without one. Then pairs need no anchor.
    package let triplet: TripletTerm?

    /// An objective from its parts; the factories name the published combinations.
    package init(
        loss: Loss, reduction: TokenReduction = .sum, usesReference: Bool = true, penalty: DivergencePenalty = .none,
        divergenceWeight: Double = 0, triplet: TripletTerm? = nil
    ) {
        self.loss = loss
        self.reduction = reduction
        self.usesReference = usesReference
        self.penalty = penalty
        self.divergenceWeight = divergenceWeight
        self.triplet = triplet
    }

    /// Whether scored pairs must carry position divergences.
    package var needsDivergence: Bool { penalty != .none || divergenceWeight != 0 }

    /// What the reference model must supply.
    package var referenceNeed: ReferenceNeed {
        if needsDivergence { return .distribution }
        return usesReference || triplet != nil ? .tokenLogProbabilities : .none
    }

    /// Loss, derivatives and metrics of one pair.
    ///
    /// Divergences must be present if `needsDivergence`, and an anchor if there is a triplet term.
    package func evaluate(_ pair: ScoredPair) -> PairOutcome {
        requireInputs(pair)
        let base = loss(chosen: score(pair.chosen), rejected: score(pair.rejected))
        var outcome = PairOutcome(
            baseLoss: base.loss,
            chosen: gradients(
                of: pair.chosen, scoreDerivative: base.chosenDerivative,
                differentiatesPenalty: penalty.differentiatesChosen),
            rejected: gradients(
                of: pair.rejected, scoreDerivative: base.rejectedDerivative, differentiatesPenalty: true),
            rewards: rewards(of: pair))
        addDivergenceTerm(of: pair, to: &outcome)
        addTripletTerm(of: pair, to: &outcome)
        return outcome
    }

    private func requireInputs(_ pair: ScoredPair) {
        precondition(
            !needsDivergence || (pair.chosen.divergence != nil && pair.rejected.divergence != nil),
            "this objective needs the position divergences of both responses")
        precondition(triplet == nil || pair.anchor != nil, "the triplet term needs an anchor")
    }

    /// The argument that this response contributes to the loss: reduced log-ratios plus its divergence share.
    func score(_ response: TokenScores) -> Double {
        let tokens = usesReference ? response.weightedLogRatioSum : response.logProbability
        return reduction.factor(count: response.count) * tokens + penalty.scoreFactor * response.divergenceSum
    }

    private func gradients(
        of response: TokenScores, scoreDerivative: Double, differentiatesPenalty: Bool
    ) -> TokenGradients {
        let perToken = scoreDerivative * reduction.factor(count: response.count)
        let weights = usesReference ? response.importance : nil
        let penaltyDerivative = differentiatesPenalty ? scoreDerivative * penalty.scoreFactor : 0
        return TokenGradients(
            logProbabilities: weights?.map { perToken * $0 } ?? Array(repeating: perToken, count: response.count),
            divergence: needsDivergence ? Array(repeating: penaltyDerivative, count: response.count) : nil)
    }

    private func addDivergenceTerm(of pair: ScoredPair, to outcome: inout PairOutcome) {
        guard divergenceWeight != 0 else { return }
        let half = divergenceWeight / 2
        outcome.divergenceLoss = half * (pair.chosen.divergenceSum + pair.rejected.divergenceSum)
        outcome.chosen.divergence = outcome.chosen.divergence?.map { $0 + half }
        outcome.rejected.divergence = outcome.rejected.divergence?.map { $0 + half }
    }

    private func addTripletTerm(of pair: ScoredPair, to outcome: inout PairOutcome) {
        guard let triplet, let anchor = pair.anchor else { return }
        let value = triplet(
            anchor: anchor.logRatios, positive: pair.chosen.logRatios, negative: pair.rejected.logRatios)
        outcome.triplet = value
        outcome.tripletLoss = triplet.weight * value.loss
        outcome.chosen.add(value.positiveGradient, scale: triplet.weight)
        outcome.rejected.add(value.negativeGradient, scale: triplet.weight)
        outcome.anchor = TokenGradients(logProbabilities: value.anchorGradient.map { triplet.weight * $0 })
    }

    /// Implicit rewards as people compare them: β times the plain sum of log-ratios, whatever the loss weighs
    /// (for losses without a reference, β times the mean log-probability).
    private func rewards(of pair: ScoredPair) -> PairRewards {
        func reward(_ response: TokenScores) -> Double {
            let tokens =
                usesReference
                ? response.logRatioSum : response.logProbability * reduction.factor(count: response.count)
            return loss.rewardScale * tokens
        }
        return PairRewards(chosen: reward(pair.chosen), rejected: reward(pair.rejected))
    }
}

extension TokenGradients {
    fileprivate mutating func add(_ values: [Double], scale: Double) {
        for index in values.indices { logProbabilities[index] += scale * values[index] }
    }
}
