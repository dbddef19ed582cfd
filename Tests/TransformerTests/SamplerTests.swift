import Compute
import TestSupport
import Testing
import Transformer

/// Filters in the order of Transformers: temperature, top-k, top-p.
@Suite struct SamplerTests {
    private let logits: [Real] = [0.5, 3, 1, 3, -2, 2]

    private func choices(_ settings: SamplingSettings, draws: Int = 4000) -> [Int32: Double] {
        let sampler = TokenSampler(settings)
        var counts: [Int32: Double] = [:]
        logits.withUnsafeBufferPointer { logits in
            for position in 0..<draws {
                counts[sampler.choose(logits, sequence: 1, position: position), default: 0] += 1 / Double(draws)
            }
        }
        return counts
    }

    @Test func greedyTakesTheLowestOfEquals() {
        #expect(choices(.greedy, draws: 3).keys.sorted() == [1])
    }

    @Test func probabilitiesAreTheSoftmaxAtTheTemperature() {
        let temperature = 0.7
        let weights = logits.map { exponential(Double($0) / temperature) }
        let total = weights.reduce(0, +)
        let counts = choices(SamplingSettings(temperature: temperature, seed: 3), draws: 20_000)
        for (token, weight) in weights.enumerated() {
            #expect(abs((counts[Int32(token)] ?? 0) - weight / total) < 0.015)
        }
    }

    @Test func topKKeepsEveryTie() {
        #expect(choices(SamplingSettings(topK: 1)).keys.sorted() == [1, 3])
        #expect(choices(SamplingSettings(topK: 3)).keys.sorted() == [1, 3, 5])
        #expect(choices(SamplingSettings(topK: 99)).keys.count == 6)
    }

    @Test func topPKeepsTheShortestPrefixThatReachesIt() {
        // Probabilities at temperature 1: two of about 0.385, then 0.142, 0.052, 0.032, 0.003.
        #expect(choices(SamplingSettings(topP: 0.0001)).keys.sorted() == [1])
        #expect(choices(SamplingSettings(topP: 0.5)).keys.sorted() == [1, 3])
        #expect(choices(SamplingSettings(topP: 0.8)).keys.sorted() == [1, 3, 5])
        #expect(choices(SamplingSettings(topP: 1)).keys.count == 6)
    }

    /// Top-p counts among what top-k left: of {1, 3, 5} the first two hold 0.85.
    @Test func topPComesAfterTopK() {
        #expect(choices(SamplingSettings(topK: 3, topP: 0.84)).keys.sorted() == [1, 3])
        #expect(choices(SamplingSettings(topP: 0.84)).keys.sorted() == [1, 3, 5])
    }

    @Test func drawsAreAFunctionOfTheirNames() {
        let settings = SamplingSettings(seed: 5, stream: 6)
        let (a, b) = (TokenSampler(settings), TokenSampler(settings))
        var other = settings
        other.stream = 7
        logits.withUnsafeBufferPointer { logits in
            func draws(_ sampler: TokenSampler, _ sequence: Int) -> [Int32] {
                (0..<50).map { sampler.choose(logits, sequence: sequence, position: $0) }
            }
            #expect(draws(a, 1) == draws(b, 1))
            #expect(draws(a, 1) != draws(a, 2))
            #expect(draws(a, 1) != draws(TokenSampler(other), 1))
        }
    }
}
