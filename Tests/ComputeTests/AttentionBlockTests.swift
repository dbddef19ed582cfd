import Compute
import Testing

/// Shapes that need several blocks of queries and of keys, ragged ends of both, and every kind of head.
@Suite("Attention over blocks of keys and queries")
struct AttentionBlockTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let layout: SequenceLayout
        let heads, keyValueHeads, dimension: Int
        var window: Int?

        var shape: AttentionShape {
            AttentionShape(
                headCount: heads, keyValueHeadCount: keyValueHeads, headDimension: dimension,
                scale: 1 / Real(dimension).squareRoot(), window: window)
        }
        var testDescription: String {
            "\(layout.segments.map(\.tokens.count)) × \(heads)/\(keyValueHeads) × \(dimension) window \(window ?? 0)"
        }
    }

    static let cases: [Case] = [
        Case(layout: SequenceLayout(lengths: [197, 3, 400]), heads: 3, keyValueHeads: 1, dimension: 64),
        Case(
            layout: .sharedPrompt([(prompt: 211, branches: [65, 130, 1]), (prompt: 17, branches: [200])]), heads: 6,
            keyValueHeads: 2, dimension: 20),
        Case(layout: SequenceLayout(lengths: [541, 40]), heads: 2, keyValueHeads: 2, dimension: 9),
        Case(layout: SequenceLayout(lengths: [230]), heads: 8, keyValueHeads: 1, dimension: 48, window: 31),
        Case(layout: SequenceLayout(lengths: [600]), heads: 4, keyValueHeads: 1, dimension: 17, window: 205),
        Case(
            layout: .sharedPrompt([(prompt: 530, branches: [20, 70])]), heads: 5, keyValueHeads: 1, dimension: 6,
            window: 300),
        Case(layout: SequenceLayout(lengths: [100, 193]), heads: 7, keyValueHeads: 1, dimension: 128),
        Case(layout: SequenceLayout(lengths: [1, 2, 250]), heads: 10, keyValueHeads: 1, dimension: 33, window: 2),
    ]

    @Test(arguments: cases)
    func matchesTheDefinition(of test: Case) throws {
        let run = AttentionRun(try Bench(), test.layout, test.shape)
        run.forward()
        run.backward()
        let errors = run.errors
        #expect(errors.out < 3 * tolerance)
        #expect(errors.gradients < 10 * tolerance)
    }

    @Test(arguments: cases)
    func resultsDoNotDependOnTheNumberOfThreads(of test: Case) throws {
        let results = try [1, 2, 3].map { threads in
            let run = AttentionRun(try Bench(threads: threads), test.layout, test.shape)
            run.forward()
            run.backward()
            return run.results
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }

    /// A prompt that several branches share gives them the bits that each would have behind a prompt of its own, and
    /// neighbours change nothing.
    @Test(.enabled(if: ThreadTeam.multipliesItself, "the library promises nothing"), arguments: [nil, 150])
    func aRowHasTheSameBitsInAnyLayout(window: Int?) throws {
        let shape = AttentionShape(headCount: 6, keyValueHeadCount: 2, headDimension: 24, scale: 0.2, window: window)
        let shared = AttentionRun(
            try Bench(), .sharedPrompt([(prompt: 203, branches: [40, 60])]), shape)
        shared.forward()
        let alone = AttentionRun(try Bench(), SequenceLayout(lengths: [50, 263]), shape)
        for (to, from) in [(alone.q, shared.q), (alone.k, shared.k), (alone.v, shared.v)] {
            to.rows(50..<253).copy(from: from.rows(0..<203))
            to.rows(253..<313).copy(from: from.rows(243..<303))
        }
        alone.forward()
        #expect(Array(alone.out.values[50..<253]) == Array(shared.out.values[0..<203]))
        #expect(Array(alone.out.values[253..<313]) == Array(shared.out.values[243..<303]))
    }

    /// A model that diverges must be seen to diverge.
    @Test func whatIsNoNumberStaysNone() throws {
        let run = AttentionRun(try Bench(), SequenceLayout(lengths: [70]), Self.cases[0].shape)
        run.q[65, 3] = .nan
        run.forward()
        run.backward()
        #expect(run.out[65, 0].isNaN && !run.out[64, 0].isNaN && !run.out[66, 0].isNaN)
        #expect(run.dq[65, 0].isNaN && run.dk[2, 0].isNaN)
    }
}

#if !DoublePrecision
    @Suite(
        "Attention in bfloat16", .enabled(if: processorHasBFloat16, "this processor has no AVX512-BF16"))
    struct NarrowAttentionTests {
        @Test(arguments: AttentionBlockTests.cases)
        func isRoundedAndNoMore(_ test: AttentionBlockTests.Case) throws {
            let run = AttentionRun(try Bench(products: .bfloat16), test.layout, test.shape)
            run.forward()
            run.backward()
            let errors = run.errors
            #expect(errors.out < 0.01 && errors.gradients < 0.02)
            #expect(errors.gradients > 1e-4)
        }

        @Test(arguments: [1, 3])
        func resultsDoNotDependOnTheNumberOfThreads(threads: Int) throws {
            for test in AttentionBlockTests.cases {
                let results = try [2, threads].map { threads in
                    let run = AttentionRun(try Bench(threads: threads, products: .bfloat16), test.layout, test.shape)
                    run.forward()
                    run.backward()
                    return run.results
                }
                #expect(results[0] == results[1])
            }
        }
    }
#endif
