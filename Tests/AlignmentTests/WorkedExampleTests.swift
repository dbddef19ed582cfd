import Alignment
import Testing

private let exact = 1e-12

@Suite("Worked examples of the methods")
struct WorkedExampleTests {
    @Test func tokenScores() {
        let pair = workedPair()
        #expect(distance(pair.chosen.policy, [-0.7465672691737911, -0.8200759961103296, -0.6700632016664657]) < exact)
        #expect(distance(pair.rejected.reference, [-1.6793274773849012, -1.020086988150244]) < exact)
        #expect(
            distance(pair.chosen.logRatios, [0.1076730963920165, 0.24312341279894156, 0.21524821429469732]) < exact)
        #expect(distance(pair.rejected.logRatios, [-0.4107182565344223, 0.21044271848850993]) < exact)
        #expect(
            distance(
                pair.chosen.divergence ?? [], [0.007586494750677603, 0.018736936067954634, 0.019717518701900614])
                < exact)
        #expect(abs(pair.chosen.logRatioSum - pair.rejected.logRatioSum - 0.7663202615315674) < exact)
    }

    @Test(
        arguments: [
            ("sigmoid", evaluation(.dpo(beta: 0.1)), 0.6555650463687706),
            ("cdpo", evaluation(.dpo(beta: 0.1, labelSmoothing: 0.1)), 0.6632282489840863),
            ("robust", evaluation(.robust(beta: 0.1, flipRate: 0.1)), 0.6459860430996259),
            ("ipo_raw", evaluation(.ipo(tau: 0.1, lengthNormalized: false)), 17.924044127918137),
            ("ipo_norm", evaluation(.ipo(tau: 0.1)), 22.19522317800853),
            ("hinge", evaluation(.hinge(beta: 0.1)), 0.9233679738468432),
            ("sigmoid_norm", evaluation(.lengthNormalizedDPO(beta: 0.1)), 0.6788104805265951),
            ("simpo", evaluation(.simpo(beta: 2, targetRatio: 0.5)), 0.5095918669286534),
            ("tdpo1", evaluation(.tdpo1(beta: 0.1)), 0.6553323942345738),
            ("tdpo2", evaluation(.tdpo2(beta: 0.1, alpha: 0.5)), 0.6554487129951613),
        ])
    func losses(name: String, evaluate: Evaluation, expected: Double) {
        #expect(abs(evaluate(workedPair()).loss - expected) < exact * max(1, expected), "\(name)")
    }

    @Test(
        arguments: [
            (evaluation(.dpo(beta: 0.1)), -0.04808513633567643),
            (evaluation(.hinge(beta: 0.1)), -0.1),
            (evaluation(.ipo(tau: 0.1, lengthNormalized: false)), -8.467359476936865),
            (evaluation(.dpo(beta: 0.1, labelSmoothing: 0.1)), -0.03808513633567644),
            (evaluation(.robust(beta: 0.1, flipRate: 0.1)), -0.06058513633567644),
        ])
    func derivativesOfTheDifference(evaluate: Evaluation, expected: Double) {
        let outcome = evaluate(workedPair())
        #expect(distance(outcome.chosen.logProbabilities, [expected, expected, expected]) < exact * 10)
        #expect(distance(outcome.rejected.logProbabilities, [-expected, -expected]) < exact * 10)
    }

    @Test func gradientsAtTheLogits() {
        let dpo = PreferenceObjective.dpo(beta: 0.1).evaluate(workedPair())
        #expect(
            distance(
                WorkedResponse.chosen.logitGradient(dpo.chosen, row: 0),
                [-0.025293221871686443, 0.008384676756239951, 0.0030845501994887347, 0.01382399491595776]) < exact)
        let tdpo1 = PreferenceObjective.tdpo1(beta: 0.1).evaluate(workedPair())
        #expect(
            distance(
                WorkedResponse.chosen.logitGradient(tdpo1.chosen, row: 0),
                [-0.027612857444131684, 0.010160234326045908, 0.003737741326036674, 0.013714881792049105]) < exact)
    }
}

@Suite("Worked examples of TI-DPO")
struct TIDPOWorkedExampleTests {
    private let chosenRaw = [0.6, 1.5, 0.9]
    private let rejectedRaw = [2.0, 1.0]

    @Test(
        arguments: [
            (
                TokenImportance.Scale.meanOne, [0.6666617571550773, 1.4566764856898455, 0.8766617571550772],
                [1.2333333333333334, 0.7666666666666666]
            ),
            (
                .sumOne, [0.2222205857183591, 0.4855588285632818, 0.29222058571835907],
                [0.6166666666666667, 0.3833333333333333]
            ),
            (
                .paperLiteral, [0.2633336871521562, 0.65, 0.3333336871521563],
                [0.6486258645804567, 0.4152925312471234]
            ),
        ])
    func weights(scale: TokenImportance.Scale, chosen: [Double], rejected: [Double]) throws {
        let importance = TokenImportance(scale: scale)
        #expect(distance(try importance.weights(chosenRaw), chosen) < exact)
        #expect(distance(try importance.weights(rejectedRaw), rejected) < exact)
    }

    @Test func narrowPrior() throws {
        let importance = TokenImportance(gradientShare: 0.2, priorWidthDivisor: 8)
        #expect(
            distance(
                try importance.weights(chosenRaw), [0.7777646857468729, 1.3844706285062545, 0.8377646857468729])
                < exact)
    }

    @Test func fullSpanTakesTheResponsePart() throws {
        let importance = TokenImportance(span: .full)
        let weights = try importance.responseWeights(attribution: [3, 1, 1] + chosenRaw, promptCount: 3)
        #expect(distance(weights, [0.7874961248530437, 1.0904552488649228, 0.5970486262820335]) < exact)
    }

    @Test(arguments: [(8, 0.5995428412667132), (64, 0.5981660313764541), (512, 0.5981443508361146)])
    func meanOfTheLiteralPrior(count: Int, expected: Double) {
        let prior = TokenImportance(scale: .paperLiteral).prior(count: count)
        #expect(abs(prior.reduce(0, +) / Double(count) - expected) < exact)
    }

    @Test func paperEquations() throws {
        var settings = TIDPOSettings(.noTriplet)
        settings.tripletWeight = 0
        let pair = try weightedPair()
        let outcome = PreferenceObjective.tiDPO(settings).evaluate(pair)
        #expect(
            abs(pair.chosen.weightedLogRatioSum - pair.rejected.weightedLogRatioSum - 0.959846670836592) < exact)
        #expect(abs(outcome.loss - 0.6463060372434003) < exact)
    }

    @Test func tdpo2Base() throws {
        var settings = TIDPOSettings(.paperTable)
        settings.tripletWeight = 0
        let outcome = PreferenceObjective.tiDPO(settings).evaluate(try weightedPair())
        #expect(abs(outcome.loss - 0.6461908722570929) < exact)
        #expect(
            distance(
                WorkedResponse.chosen.logitGradient(outcome.chosen, row: 0),
                [-0.0166905645563483, 0.00553290479932065, 0.002035441925628872, 0.00912221783139878]) < exact)
        #expect(
            distance(
                WorkedResponse.rejected.logitGradient(outcome.rejected, row: 0),
                [-0.019052288868829773, -0.01835593019792311, -0.012538455704523808, 0.04994667477127669]) < exact)
    }

    @Test func activeTriplet() {
        let pair = workedPair()
        let value = TripletTerm(weight: 1, margin: 0.1)(
            anchor: [-0.3, 0.15, 0.05, 0.02], positive: pair.chosen.logRatios, negative: pair.rejected.logRatios)
        #expect(abs(value.positiveDistance - 0.20217629586076266) < exact)
        #expect(abs(value.negativeDistance - 0.015911854548303406) < exact)
        #expect(abs(value.loss - 0.28626444131245926) < exact)
        #expect(
            distance(value.anchorGradient, [-1.0367827058528776, -0.06536138862086327, -0.33049642858939465, 0])
                < exact)
        #expect(
            distance(value.positiveGradient, [0.815346192784033, 0.18624682559788314, 0.33049642858939465]) < exact)
        #expect(distance(value.negativeGradient, [0.2214365130688446, -0.12088543697701987]) < exact)
    }

    @Test func inactiveTriplet() {
        let pair = workedPair()
        let value = TripletTerm(weight: 1, margin: 0.1)(
            anchor: [0.05, -0.1, 0.2, 0.02], positive: pair.chosen.logRatios, negative: pair.rejected.logRatios)
        #expect(abs(value.positiveDistance - 0.12129237049741268) < exact)
        #expect(abs(value.negativeDistance - 0.3086359933666539) < exact)
        #expect(value.loss == 0 && !value.isActive)
        #expect((value.anchorGradient + value.positiveGradient + value.negativeGradient).allSatisfy { $0 == 0 })
    }

    @Test func total() throws {
        let settings = TIDPOSettings(.paperTable)
        let outcome = PreferenceObjective.tiDPO(settings).evaluate(
            try weightedPair(anchorLogRatios: [-0.3, 0.15, 0.05, 0.02]))
        #expect(abs(outcome.loss - 0.6748173163883389) < exact)
    }

    private func weightedPair(anchorLogRatios: [Double]? = nil) throws -> ScoredPair {
        let importance = TokenImportance()
        return workedPair(
            chosenImportance: try importance.weights(chosenRaw),
            rejectedImportance: try importance.weights(rejectedRaw), anchorLogRatios: anchorLogRatios)
    }
}
