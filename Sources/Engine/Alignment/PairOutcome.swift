/// What an objective says about one pair: its loss by parts and the derivative of every token score.
package struct PairOutcome: Sendable {
    /// The loss of the two scores.
    package let baseLoss: Double
    /// The weighted additional divergence term, 0 without one.
    package internal(set) var divergenceLoss = 0.0
    /// The weighted triplet term, 0 without one.
    package internal(set) var tripletLoss = 0.0
    /// Derivatives for the chosen response.
    package internal(set) var chosen: TokenGradients
    /// Derivatives for the rejected response.
    package internal(set) var rejected: TokenGradients
    /// Derivatives for the anchor; nil when the objective has no triplet term.
    package internal(set) var anchor: TokenGradients?
    /// Implicit rewards, unweighted.
    package let rewards: PairRewards
    /// Distances and hinge of the triplet term; nil without one.
    package internal(set) var triplet: TripletTerm.Value?

    init(baseLoss: Double, chosen: TokenGradients, rejected: TokenGradients, rewards: PairRewards) {
        self.baseLoss = baseLoss
        self.chosen = chosen
        self.rejected = rejected
        self.rewards = rewards
    }

    /// The total loss of the pair.
    package var loss: Double { baseLoss + divergenceLoss + tripletLoss }
}

/// The implicit rewards of a pair.
package struct PairRewards: Sendable, Equatable {
    /// β · (unweighted) log-ratio of the chosen response.
    package let chosen: Double
    /// The same for the rejected response.
    package let rejected: Double

    /// Chosen minus rejected.
    package var margin: Double { chosen - rejected }
    /// Strictly larger chosen reward: a tie, as at step 0, is not accurate.
    package var isAccurate: Bool { chosen > rejected }
}
