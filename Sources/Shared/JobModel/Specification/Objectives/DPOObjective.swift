/// Direct preference optimisation (Rafailov et al. 2023).
package struct DPOObjective: Sendable, Hashable {
    /// The loss on the margin of a pair; further members of the family come here.
    package enum Loss: String, Sendable, Hashable, CaseIterable {
        /// -log sigma(beta * margin).
        case sigmoid
    }

    /// Which member of the family.
    package var loss = Loss.sigmoid
    /// Scale of the implicit reward.
    package var beta = 0.1
    /// Probability that a label is wrong, 0 ..< 0.5 (conservative DPO).
    package var labelSmoothing = 0.0
    /// Weight of an added negative log-likelihood of the chosen response.
    package var sftWeight = 0.0

    /// The defaults.
    package init() {}
}
