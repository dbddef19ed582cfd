import Alignment
import Glibc

/// The hand-sized example of the methods: a four-word vocabulary, a chosen response of three tokens and a rejected
/// one of two, given as logits of policy and reference.
struct WorkedResponse {
    let tokens: [Int]
    let policyLogits: [[Double]]
    let referenceLogits: [[Double]]

    static let chosen = WorkedResponse(
        tokens: [0, 1, 2],
        policyLogits: [[1, 0, -1, 0.5], [0.2, 0.8, 0, -0.5], [0, 0.3, 1.2, -0.2]],
        referenceLogits: [[0.8, 0.1, -0.9, 0.4], [0.3, 0.5, 0.1, -0.4], [0.1, 0.4, 0.9, -0.1]])
    static let rejected = WorkedResponse(
        tokens: [3, 1],
        policyLogits: [[0.5, 0.5, 0, -0.5], [-0.3, 0.9, 0.1, 0.2]],
        referenceLogits: [[0.4, 0.3, 0.1, -0.1], [-0.1, 0.6, 0.2, 0.1]])

    /// Token scores as the model side would deliver them.
    func scores(importance: [Double]? = nil, policy: [[Double]]? = nil) -> TokenScores {
        let policy = (policy ?? policyLogits).map(logSoftmax)
        let reference = referenceLogits.map(logSoftmax)
        return TokenScores(
            policy: zip(policy, tokens).map { $0[$1] },
            reference: zip(reference, tokens).map { $0[$1] },
            importance: importance,
            divergence: zip(reference, policy).map(divergence))
    }

    /// Chain rule to the logits of one row: dl/dz = onehot − p, dF/dz = p − q.
    func logitGradient(_ gradients: TokenGradients, row: Int) -> [Double] {
        let p = logSoftmax(policyLogits[row]).map { exp($0) }
        let q = logSoftmax(referenceLogits[row]).map { exp($0) }
        return p.indices.map { word in
            let hit: Double = word == tokens[row] ? 1 : 0
            return gradients.logProbabilities[row] * (hit - p[word])
                + (gradients.divergence?[row] ?? 0) * (p[word] - q[word])
        }
    }
}

/// The pair of the worked example.
func workedPair(
    chosenImportance: [Double]? = nil, rejectedImportance: [Double]? = nil, anchorLogRatios: [Double]? = nil
) -> ScoredPair {
    ScoredPair(
        chosen: WorkedResponse.chosen.scores(importance: chosenImportance),
        rejected: WorkedResponse.rejected.scores(importance: rejectedImportance),
        anchor: anchorLogRatios.map { TokenScores(policy: $0, reference: $0.map { _ in 0 }) })
}

func logSoftmax(_ logits: [Double]) -> [Double] {
    let largest = logits.max() ?? 0
    let total = largest + log(logits.reduce(0) { $0 + exp($1 - largest) })
    return logits.map { $0 - total }
}

/// KL(reference ‖ policy) of one position.
func divergence(_ reference: [Double], _ policy: [Double]) -> Double {
    zip(reference, policy).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
}

/// Largest distance between two lists of numbers; infinite when they differ in length.
func distance(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    return zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
}
