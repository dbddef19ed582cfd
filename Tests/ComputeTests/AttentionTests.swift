import Compute
import Foundation
import Testing

@Suite("Attention over packed trees")
struct AttentionTests {
    static let layouts: [SequenceLayout] = [
        SequenceLayout(lengths: [1]),
        SequenceLayout(lengths: [5, 1, 70]),
        SequenceLayout.sharedPrompt([(prompt: 7, branches: [3, 5]), (prompt: 66, branches: [65, 1, 2])]),
    ]

    static let shapes: [AttentionShape] = [
        AttentionShape(headCount: 4, keyValueHeadCount: 2, headDimension: 8, scale: 0.35),
        AttentionShape(headCount: 3, keyValueHeadCount: 1, headDimension: 6, scale: 0.4, window: 4),
    ]

    @Test(arguments: layouts, shapes)
    func matchesTheDefinition(layout: SequenceLayout, shape: AttentionShape) throws {
        let bench = try Bench()
        let run = AttentionRun(bench, layout, shape)
        run.forward()
        let expected = ReferenceMath.attention(
            q: run.q.values, k: run.k.values, v: run.v.values, spans: layout.spans, shape: shape)
        #expect(relativeError(run.out, expected) < 3 * tolerance)
    }

    @Test(arguments: layouts, shapes)
    func gradientsMatchCentralDifferences(layout: SequenceLayout, shape: AttentionShape) throws {
        let bench = try Bench()
        let run = AttentionRun(bench, layout, shape)
        run.forward()
        run.backward()
        #if DoublePrecision
            let (delta, bound) = (1e-5, 1e-7)
        #else
            let (delta, bound) = (1e-2, 2e-2)
        #endif
        for (input, gradient) in [(run.q, run.dq), (run.k, run.dk), (run.v, run.dv)] {
            for probe in 0..<12 {
                let row = probe * 7919 % input.rows
                let column = probe * 104_729 % input.columns
                let kept = input[row, column]
                input[row, column] = kept + Real(delta)
                let above = run.objective()
                input[row, column] = kept - Real(delta)
                let below = run.objective()
                input[row, column] = kept
                #expect(abs((above - below) / (2 * delta) - Double(gradient[row, column])) < bound)
            }
        }
    }

    @Test func resultsDoNotDependOnTheNumberOfThreads() throws {
        let layout = Self.layouts[2]
        var results: [[[[Double]]]] = []
        for threads in 1...3 {
            let run = AttentionRun(try Bench(threads: threads), layout, Self.shapes[0])
            run.forward()
            run.backward()
            results.append([run.out, run.dq, run.dk, run.dv].map(\.values))
        }
        #expect(results[0] == results[1] && results[1] == results[2])
    }

    @Test(arguments: shapes)
    func decodingEqualsTheWholeSequence(shape: AttentionShape) throws {
        let bench = try Bench()
        let lengths = [9, 4]
        let layout = SequenceLayout(lengths: lengths)
        let run = AttentionRun(bench, layout, shape)
        run.forward()
        let cache = KeyValueCache(sequences: 2, capacity: 16, width: run.k.columns, in: bench.context.arena)
        let scratch = DecodeScratch(maximumKeyCount: 16, shape: shape, in: bench.context.arena, team: bench.context.team)
        let last = [8, 12]
        let q = bench.zeros(2, run.q.columns)
        for (sequence, tokens) in [0..<9, 9..<13].enumerated() {
            cache.store(keys: run.k.rows(tokens), values: run.v.rows(tokens), sequence: sequence, from: 0)
            q.rows(sequence..<sequence + 1).copy(from: run.q.rows(last[sequence]..<last[sequence] + 1))
        }
        let out = bench.zeros(2, run.q.columns)
        attentionDecode(
            q: q, cache: cache, sequences: [0, 1], lengths: lengths, shape: shape, into: out, scratch: scratch,
            bench.context)
        #expect(relativeError(out, last.map { run.out.values[$0] }) < 3 * tolerance)
    }

    @Test func malformedLayoutsAreRefused() {
        typealias Segment = SequenceLayout.Segment
        let bad: [[Segment]] = [
            [Segment(tokens: 1..<3)],
            [Segment(tokens: 0..<3), Segment(tokens: 4..<5)],
            [Segment(tokens: 0..<3), Segment(tokens: 3..<5, prefix: [2..<4])],
            [Segment(tokens: 0..<3), Segment(tokens: 3..<5), Segment(tokens: 5..<6, prefix: [0..<2])],
            [Segment(tokens: 0..<1, firstPosition: -1)],
        ]
        for segments in bad {
            #expect(throws: ComputeError.self) { try SequenceLayout(segments: segments) }
        }
    }
}
