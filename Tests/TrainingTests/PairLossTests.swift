import Alignment
import Foundation
import JobModel
import Testing
import Training

/// What a specification's `objective.loss` computes: the worked example of the DPO family, by hand-checked numbers.
@Suite struct PairLossTests {
    /// Log-probabilities and KL(reference ‖ policy) of a chosen response of three tokens and a rejected one of two.
    private static let pair = ScoredPair(
        chosen: TokenScores(
            policy: [-0.7465672669, -0.8200759959, -0.6700632014],
            reference: [-0.8542403669, -1.0631994059, -0.8853114114],
            divergence: [0.00758649, 0.01873694, 0.01971752]),
        rejected: TokenScores(
            policy: [-2.0900457314, -0.8096442714], reference: [-1.6793274714, -1.0200869914],
            divergence: [0.02170367, 0.01949834]),
        anchor: nil)

    private func plan(_ objective: String) throws -> PreferencePlan {
        let text = "name: d\nmethod: dpo\nmodel: m\ndataset: {train: x}\nobjective: {\(objective)}\n"
        let spec = try JobSpec.decode(Array(text.utf8))
        guard case .dpo(let settings) = spec.objective else { throw Wrong() }
        return PreferencePlan(settings)
    }

    private struct Wrong: Error {}

    @Test(arguments: [
        ("", 0.65556505), ("loss: sigmoid", 0.65556505), ("loss: hinge", 0.92336797),
        ("loss: ipo", 22.19522318), ("loss: ipo, ipo_length_norm: false", 17.92404413),
        ("loss: sigmoid_norm", 0.67881048), ("loss: sigmoid, label_smoothing: 0.1", 0.66322825),
        ("loss: robust, label_smoothing: 0.1", 0.64598604), ("loss: robust", 0.65556505),
        ("loss: tdpo1", 0.65533239), ("loss: tdpo2", 0.65544871), ("loss: tdpo2, kl_alpha: 0", 0.65556505),
    ])
    func specificationToLoss(_ objective: String, _ expected: Double) throws {
        let outcome = try plan(objective).objective.evaluate(Self.pair)
        #expect(abs(outcome.baseLoss - expected) < 2e-6, "\(objective): \(outcome.baseLoss)")
    }

    /// The derivative of the difference, where every token counts alike.
    @Test(arguments: [
        ("loss: sigmoid", -0.04808514), ("loss: hinge", -0.1), ("loss: ipo, ipo_length_norm: false", -8.46735948),
        ("loss: sigmoid, label_smoothing: 0.1", -0.03808514), ("loss: robust, label_smoothing: 0.1", -0.06058514),
    ])
    func specificationToDerivative(_ objective: String, _ expected: Double) throws {
        let outcome = try plan(objective).objective.evaluate(Self.pair)
        #expect(outcome.chosen.logProbabilities.allSatisfy { abs($0 - expected) < 1e-5 })
        #expect(outcome.rejected.logProbabilities.allSatisfy { abs($0 + expected) < 1e-5 })
    }

    @Test func onlyTDPOComparesDistributions() throws {
        for loss in DPOObjective.Loss.allCases {
            let objective = try plan("loss: \(loss.rawValue)").objective
            #expect(objective.needsDivergence == loss.comparesDistributions)
        }
    }

    /// What the first update's self-check expects.
    @Test(arguments: [
        ("loss: sigmoid", log(2.0)), ("loss: hinge", 1), ("loss: ipo, beta: 0.25", 4),
        ("loss: robust, label_smoothing: 0.2", log(2.0)), ("loss: tdpo1", log(2.0)),
    ])
    func lossOfEqualModels(_ objective: String, _ expected: Double) throws {
        #expect(abs(try plan(objective).objective.lossAtStart - expected) < 1e-12)
    }
}
