import Compute
import ContextCompression
import JobModel
import TestSupport
import Testing
import Transformer

@testable import Training

@Suite struct SoftTokenCacheTests {
    /// A frozen compressor reads a context once at each rate: were its soft tokens made again, they would show that it
    /// has changed in between.
    @Test func nothingIsCompressedTwice() throws {
        let team = try ThreadTeam(threads: 1)
        let model = try TinyModel.untied.model(trained: .none, team: team)
        let compressor = try Compressor(
            CompressorSettings(encoderLayers: 2, adapterRank: 3, adapterAlpha: 5), of: model, trained: false)
        compressor.weights.draw(seed: 5)
        let cache = SoftTokenCache(compressor, try SegmentCut(.init(), contextLength: 32), Workspace(team: team))
        let context: [Int32] = [3, 1, 4, 1, 5, 9, 2, 6]
        func softTokens(_ row: Int, _ rate: Int) throws -> [Real] {
            try cache.softTokens(SoftTokenCache.Key(row: row, rate: rate), of: context)
        }
        let (first, second) = (try softTokens(0, 2), try softTokens(0, 3))
        #expect(first.count == 4 * model.configuration.hiddenSize && second.count < first.count)

        let values = compressor.parameters.values
        for index in 0..<values.count { values.base[index] *= -1.5 }
        #expect(try softTokens(0, 2) == first)
        #expect(try softTokens(0, 3) == second)
        // Another row, or another rate, is new.
        #expect(try softTokens(1, 2) != first)
        #expect(try softTokens(0, 4).count == 2 * model.configuration.hiddenSize)
    }
}
