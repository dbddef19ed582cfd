import Compute
import Testing

@Suite("Counter-based random numbers")
struct RandomStreamTests {
    /// Known answers of Philox4x32-10: counter and key all zero, and all ones (Salmon et al. 2011, test vectors).
    @Test func knownAnswers() {
        #expect(RandomStream(seed: 0, stream: 0).words(0) == (0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
        #expect(
            RandomStream(seed: .max, stream: .max).words(.max) == (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    }

    @Test func momentsOfUniformAndNormal() {
        let stream = RandomStream(seed: 7, stream: 3)
        let count = 20_000
        let uniform = (0..<UInt64(count)).map { stream.uniform($0) }
        let normal = (0..<UInt64(count)).map { stream.normal($0) }
        #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
        #expect(abs(uniform.reduce(0, +) / Double(count) - 0.5) < 0.01)
        #expect(abs(normal.reduce(0, +) / Double(count)) < 0.03)
        #expect(abs(normal.reduce(0) { $0 + $1 * $1 } / Double(count) - 1) < 0.04)
    }

    @Test func permutationsArePermutationsAndDiffer() {
        let a = RandomStream(seed: 1, stream: 1).permutation(of: 257)
        let b = RandomStream(seed: 1, stream: 2).permutation(of: 257)
        #expect(a.sorted() == Array(0..<257) && b.sorted() == Array(0..<257))
        #expect(a != b && a != a.sorted())
        #expect(RandomStream(seed: 1, stream: 1).permutation(of: 0).isEmpty)
    }

    @Test func dropoutKeepsTheMeanAndItsMask() throws {
        let bench = try Bench()
        let x = bench.zeros(1, 50_001)
        x.fill(1)
        let (whole, part) = (bench.zeros(1, 50_001), bench.zeros(1, 1000))
        let stream = RandomStream(seed: 5, stream: 9)
        dropout(x, into: whole, rate: 0.25, stream: stream, first: 0, bench.context)
        let mean = whole.values[0].reduce(0, +) / 50_001
        #expect(abs(mean - 1) < 0.02)
        dropout(x.columns(0..<1000), into: part, rate: 0.25, stream: stream, first: 777, bench.context)
        #expect(part.values[0] == Array(whole.values[0][777..<1777]))
    }
}
