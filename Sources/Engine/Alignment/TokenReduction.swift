/// How token log-ratios become the score of a response.
package enum TokenReduction: Sendable, Equatable {
    /// Their sum, each times its importance: DPO, TI-DPO, TDPO.
    case sum
    /// Their mean over the tokens of the response, EOS included: length-normalized losses.
    case mean

    /// Factor on every token of a response of `count` tokens.
    func factor(count: Int) -> Double {
        switch self {
        case .sum: 1
        case .mean: count > 0 ? 1 / Double(count) : 0
        }
    }
}

/// What an objective needs to know from the reference model.
package enum ReferenceNeed: Sendable, Equatable {
    /// Nothing: SimPO.
    case none
    /// The log-probability of each response token; cacheable.
    case tokenLogProbabilities
    /// The whole next-token distribution at each response position; needs the reference live.
    case distribution
}
