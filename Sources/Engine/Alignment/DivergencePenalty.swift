/// How the position divergences K(y) = Σ F_t, F_t = KL(reference ‖ policy), enter the score of a pair.
package enum DivergencePenalty: Sendable, Equatable {
    /// Not at all: DPO and its family.
    case none
    /// TDPO1: `difference − (K(rejected) − K(chosen))`, both differentiated.
    case bothSides
    /// TDPO2: `difference − α (K(rejected) − sg[K(chosen)])`, only the rejected side differentiated.
    case rejectedSide(alpha: Double)

    /// Factor of K in either side's score; both sides carry the same sign because scores are subtracted.
    var scoreFactor: Double {
        switch self {
        case .none: 0
        case .bothSides: 1
        case .rejectedSide(let alpha): alpha
        }
    }

    /// Whether the chosen side's K is differentiated or held constant.
    var differentiatesChosen: Bool { self == .bothSides }
}
