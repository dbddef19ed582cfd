import Alignment
import Compute
import Glibc
import Testing

@Suite("Token importance")
struct ImportanceTests {
    @Test(arguments: TokenImportance.Scale.allCases)
    func oneTokenHasWeightOne(scale: TokenImportance.Scale) throws {
        #expect(try TokenImportance(scale: scale).weights([0]) == [1])
        #expect(try TokenImportance(scale: scale).weights([]) == [])
    }

    @Test func withoutAttributionThePriorDecides() throws {
        let weights = try TokenImportance(gradientShare: 0.7).weights([0, 0, 0, 0, 0])
        let prior = TokenImportance().prior(count: 5).map { $0 * 5 }
        #expect(distance(weights, prior) < 1e-12)
        #expect(weights[2] > weights[1] && weights[1] > weights[0] && abs(weights[0] - weights[4]) < 1e-15)
    }

    @Test(arguments: [-0.1, Double.nan, .infinity])
    func unusableAttributionIsRefused(value: Double) {
        #expect(throws: ImportanceError.self) { try TokenImportance().weights([1, value, 2]) }
    }

    @Test func shareIsClamped() throws {
        let raw = [0.2, 0.9, 0.4]
        let above = try TokenImportance(gradientShare: 3).weights(raw)
        let one = try TokenImportance(gradientShare: 1).weights(raw)
        #expect(above == one)
    }

    @Test func floorWidensShortPriors() {
        let narrow = TokenImportance(priorWidthDivisor: 8, priorWidthFloor: 0.1).prior(count: 3)
        let floored = TokenImportance(priorWidthDivisor: 8).prior(count: 3)
        #expect(floored[0] > narrow[0])
    }

    @Test func largestWeightOne() throws {
        let weights = try TokenImportance(scale: .maxOne).weights([3, 1, 1, 4])
        #expect(abs((weights.max() ?? 0) - 1) < 1e-15)
    }

    @Test func rowNorms() throws {
        let arena = try Arena(byteCount: 1 << 12)
        let gradient = arena.matrix(2, 3)
        for (column, value) in [3, -4, 0].enumerated() {
            gradient[0, column] = Real(value)
            gradient[1, column] = Real(-value)
        }
        #expect(AttributionNorm.l1(gradient) == [7, 7])
        #expect(AttributionNorm.l2(gradient) == [5, 5])
    }

    @Test func statistics() {
        let uniform = WeightStatistics([1, 1, 1, 1])
        #expect(uniform.mean == 1 && uniform.standardDeviation == 0 && abs(uniform.entropy - log(4)) < 1e-15)
        let peaked = WeightStatistics([0, 4, 0, 0])
        #expect(peaked.maximum == 4 && peaked.entropy == 0 && abs(peaked.standardDeviation - 3.0.squareRoot()) < 1e-15)
    }

    @Test func presetsAreThePublishedOnes() {
        let release = TIDPOSettings(.release)
        #expect(release.beta == 0.2 && release.importance.span == .full && release.attributionTarget == .afterLast)
        #expect(release.importance.priorWidthDivisor == 8 && release.importance.gradientShare == 0.2)
        #expect(release.tripletWeight == 0.001 && release.tripletMargin == 0.001)
        #expect(TIDPOSettings(.noTriplet).triplet == nil)
        #expect(TIDPOSettings().baseObjective == .dpo && TIDPOSettings(.paperTable).divergenceAlpha == 0.5)
    }
}
