import Alignment
import JSON
import TestSupport
import Testing
import Transformer

@Suite("Golden preference losses, from golden log-probabilities")
struct PreferenceGoldenTests {
    /// Losses over more than two responses or over a whole batch; no objective of a single pair.
    private static let otherKinds: Set = ["softmax", "plackett_luce", "beta_dpo"]

    @Test(arguments: OracleDirectory.current.fixtureNames(prefix: "pref_"))
    func everyLoss(fixture name: String) throws {
        let golden = GoldenPairs(fixture: try OracleDirectory.current.fixture(name))
        #expect(golden.count > 0)
        for loss in try golden.fields("losses", of: golden.fixture.index).values.keys.sorted() {
            if Self.otherKinds.contains(loss) { continue }
            let evaluate = try #require(try objective(loss, golden.hyper()), "no objective for \(loss)")
            let outcomes = try (0..<golden.count).map { pair in
                evaluate(
                    ScoredPair(chosen: try golden.scores(pair, "chosen"), rejected: try golden.scores(pair, "rejected"))
                )
            }
            #expect(try golden.mismatch(outcomes, lossNamed: loss) == nil)
            #expect(golden.differs(outcomes.map(\.loss), "\(loss).loss_per_pair") == nil)
        }
    }

    private func objective(_ loss: String, _ hyper: JSONFields) throws -> Evaluation? {
        func number(_ key: String) throws -> Double { try GoldenPairs.number(key, hyper) }
        let beta = try number("beta")
        switch loss {
        case "sigmoid": return evaluation(.dpo(beta: beta))
        case "cdpo": return evaluation(.dpo(beta: beta, labelSmoothing: try number("label_smoothing")))
        case "robust": return evaluation(.robust(beta: beta, flipRate: try number("label_smoothing")))
        case "ipo_norm": return evaluation(.ipo(tau: try number("ipo_tau")))
        case "ipo_raw": return evaluation(.ipo(tau: try number("ipo_tau"), lengthNormalized: false))
        case "hinge": return evaluation(.hinge(beta: beta))
        case "hinge_wide": return evaluation(.hinge(beta: try number("hinge_wide_beta")))
        case "sigmoid_norm": return evaluation(.lengthNormalizedDPO(beta: beta))
        case "simpo":
            return evaluation(
                .simpo(beta: try number("simpo_beta"), targetRatio: try number("simpo_ratio")))
        case "tdpo1": return evaluation(.tdpo1(beta: beta))
        case "tdpo2": return evaluation(.tdpo2(beta: beta, alpha: try number("tdpo_alpha")))
        default: return nil
        }
    }
}
