import Alignment

/// An objective with its loss type erased, so that tables of objectives can be iterated.
typealias Evaluation = @Sendable (ScoredPair) -> PairOutcome

func evaluation<Loss>(_ objective: PreferenceObjective<Loss>) -> Evaluation {
    { objective.evaluate($0) }
}

/// Every objective of the module once, with settings that make each of its terms matter.
let objectiveCases: [(name: String, evaluate: Evaluation)] = [
    ("dpo", evaluation(.dpo(beta: 0.3))),
    ("cdpo", evaluation(.dpo(beta: 0.3, labelSmoothing: 0.2))),
    ("robust", evaluation(.robust(beta: 0.3, flipRate: 0.2))),
    ("ipo mean", evaluation(.ipo(tau: 0.4))),
    ("ipo sum", evaluation(.ipo(tau: 0.4, lengthNormalized: false))),
    ("hinge", evaluation(.hinge(beta: 0.3))),
    ("sigmoid mean", evaluation(.lengthNormalizedDPO(beta: 0.7))),
    ("simpo", evaluation(.simpo(beta: 2, targetRatio: 0.5))),
    ("tdpo1", evaluation(.tdpo1(beta: 0.4))),
    ("tdpo2", evaluation(.tdpo2(beta: 0.4, alpha: 0.6))),
    ("ti-dpo paper_eq", evaluation(.tiDPO(TIDPOSettings(.paperEquations)))),
    ("ti-dpo paper_table", evaluation(.tiDPO(TIDPOSettings(.paperTable)))),
    ("ti-dpo release", evaluation(.tiDPO(TIDPOSettings(.release)))),
    ("ti-dpo no_triplet", evaluation(.tiDPO(TIDPOSettings(.noTriplet)))),
    ("ti-dpo tdpo1, kl_coef, mean triplet", evaluation(.tiDPO(everyTerm))),
]

private var everyTerm: TIDPOSettings {
    var settings = TIDPOSettings()
    settings.baseObjective = .tdpo1
    settings.divergenceWeight = 0.3
    settings.tripletNormalization = .mean
    settings.labelSmoothing = 0.1
    settings.tripletMargin = 5
    return settings
}
