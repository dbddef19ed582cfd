/// Direct preference optimisation (Rafailov et al. 2023) and its family.
package struct DPOObjective: Sendable, Hashable {
    /// The loss on the margin of a pair, by TRL's names (`loss_type`) where TRL has it.
    package enum Loss: String, Sendable, Hashable, CaseIterable {
        /// -log sigma(beta * margin); with label smoothing cDPO.
        case sigmoid
        /// max(0, 1 - beta * margin), SLiC.
        case hinge
        /// (margin - 1 / (2 beta))^2, IPO.
        case ipo
        /// Unbiased under labels flipped with probability `labelSmoothing`.
        case robust
        /// `sigmoid` on log-ratios per token.
        case lengthNormalized = "sigmoid_norm"
        /// `sigmoid` on the margin less the difference of sequential KL divergences, TDPO1.
        case tdpo1
        /// The same with the difference scaled by `klAlpha` and the chosen side held constant, TDPO2.
        case tdpo2

        /// Whether `labelSmoothing` has a meaning.
        package var takesLabelSmoothing: Bool { self == .sigmoid || self == .robust }
        /// Whether whole next-token distributions are compared with the reference's.
        package var comparesDistributions: Bool { self == .tdpo1 || self == .tdpo2 }
    }

    /// Which member of the family.
    package var loss = Loss.sigmoid
    /// Scale of the implicit reward; tau of IPO.
    package var beta = 0.1
    /// Probability that a label is wrong, 0 ..< 0.5 (conservative and robust DPO).
    package var labelSmoothing = 0.0
    /// IPO on log-ratios per token, as its authors confirmed, instead of their sums.
    package var ipoLengthNorm = true
    /// Weight of the KL difference in TDPO2.
    package var klAlpha = 0.5
    /// Weight of an added negative log-likelihood of the chosen response.
    package var sftWeight = 0.0

    /// The defaults.
    package init() {}
}
