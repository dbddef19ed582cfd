import Compute
import Foundation
import Testing

@Suite("Kernels against the obvious versions in Double")
struct KernelParityTests {
    @Test(arguments: [(1, 1, 1), (3, 5, 7), (17, 33, 65), (64, 48, 130), (200, 96, 31)], [1, 2, 3])
    func products(shape: (Int, Int, Int), threads: Int) throws {
        let bench = try Bench(threads: threads)
        let (m, n, k) = shape
        let a = bench.normal(m, k, stream: 1, padding: 3)
        let b = bench.normal(k, n, stream: 2)
        let c = bench.normal(m, n, stream: 3)
        let before = c.values
        let expected = ReferenceMath.product(a.values, b.values)
        multiply(a.n, b.n, into: c, accumulate: true, scale: 0.5, bench.context)
        #expect(relativeError(c, zip(before, expected).map { zip($0, $1).map { $0 + 0.5 * $1 } }) < tolerance)

        let d = bench.zeros(n, m)
        multiply(b.t, a.t, into: d, bench.context)
        #expect(relativeError(d, ReferenceMath.transposed(expected)) < tolerance)
    }

    /// Few rows with a large and a small other side, and many rows.
    @Test(
        .enabled(if: ThreadTeam.multipliesItself, "the library promises nothing"),
        arguments: [(7, 3000, 40), (8, 100, 40), (40, 12, 4000), (300, 70, 577)])
    func productsDoNotDependOnThreads(shape: (Int, Int, Int)) throws {
        let (m, n, k) = shape
        let results = try [1, 2, 5].map { threads in
            let bench = try Bench(threads: threads)
            let c = bench.zeros(m, n)
            multiply(bench.normal(m, k, stream: 1).n, bench.normal(n, k, stream: 2).t, into: c, bench.context)
            return c.values
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }

    @Test func productWithoutTermsIsZero() throws {
        let bench = try Bench()
        let c = bench.normal(4, 4, stream: 1)
        let empty = bench.context.arena.matrix(4, 0)
        multiply(empty.n, empty.t, into: c, bench.context)
        #expect(c.values.allSatisfy { $0.allSatisfy { $0 == 0 } })
    }

    @Test(arguments: [1, 7, 64, 129], [1, 13, 576])
    func rmsNormalization(rows: Int, columns: Int) throws {
        let bench = try Bench()
        let x = bench.normal(rows, columns, stream: 1, padding: 2)
        let weight = bench.normal(1, columns, stream: 2)
        let y = bench.zeros(rows, columns)
        let inverse = bench.zeros(rows, 1)
        rmsNorm(x, weight: weight, epsilon: 1e-5, into: y, inverseRMS: inverse, bench.context)
        #expect(relativeError(y, ReferenceMath.rmsNorm(x.values, weight: weight.values[0], epsilon: 1e-5)) < tolerance)
    }

    @Test(arguments: [(1, 1), (5, 37), (33, 1536)])
    func gatedActivation(shape: (Int, Int)) throws {
        let bench = try Bench()
        let gate = bench.normal(shape.0, shape.1, stream: 1)
        gate[0, 0] = -100
        let up = bench.normal(shape.0, shape.1, stream: 2)
        let y = bench.zeros(shape.0, shape.1)
        gatedSiLU(gate: gate, up: up, into: y, bench.context)
        #expect(relativeError(y, ReferenceMath.gatedSiLU(gate: gate.values, up: up.values)) < tolerance)
    }

    @Test(arguments: [1, 31, 1024, 5000])
    func softmaxAndItsNormalizer(columns: Int) throws {
        let bench = try Bench()
        let x = bench.normal(9, columns, stream: 1)
        x[3, 0] = 80
        let expected = x.values.map { row -> Double in
            let top = row.max() ?? 0
            return top + log(row.reduce(0) { $0 + exp($1 - top) })
        }
        let values = x.values
        let normalizer = bench.zeros(9, 1)
        logSumExpRows(x, into: normalizer, bench.context)
        #expect(relativeError(normalizer, expected.map { [$0] }) < tolerance)
        softmaxRows(x, logSumExp: normalizer, bench.context)
        #expect(relativeError(x, zip(values, expected).map { row, sum in row.map { exp($0 - sum) } }) < 30 * tolerance)
    }

    @Test func gatherAndScatterAreAdjoint() throws {
        let bench = try Bench()
        let table = bench.normal(11, 70, stream: 1)
        let ids: [Int32] = [3, 3, 0, 10, 3]
        let rows = bench.zeros(5, 70)
        let gradient = bench.zeros(11, 70)
        ids.withUnsafeBufferPointer { ids in
            gatherRows(table, ids: ids, into: rows, bench.context)
            scatterAddRows(rows, ids: ids, into: gradient, bench.context)
        }
        #expect(rows.values == ids.map { table.values[Int($0)] })
        #expect(relativeError(gradient.rows(3..<4), [table.values[3].map { 3 * $0 }]) < tolerance)
        #expect(gradient.values[1].allSatisfy { $0 == 0 })
    }

    @Test func rotationKeepsLengthsAndTurnsBack() throws {
        let bench = try Bench()
        let x = bench.normal(6, 3 * 8, stream: 1)
        let before = x.values
        let table = RotaryTable(inverseFrequencies: (0..<4).map { pow(10_000, -Double($0) / 4) }, positionCount: 40)
        let positions: [Int32] = [0, 1, 5, 39, 2, 2]
        rotate(x, positions: positions, table: table, bench.context)
        #expect(relativeError(x.rows(0..<1), [before[0]]) < tolerance)
        let angle = 5.0
        #expect(abs(Double(x[2, 0]) - (before[2][0] * cos(angle) - before[2][4] * sin(angle))) < 10 * tolerance)
        rotate(x, positions: positions, table: table, inverse: true, bench.context)
        #expect(relativeError(x, before) < 3 * tolerance)
    }

    @Test func adamWFollowsItsRule() throws {
        let bench = try Bench()
        let count = 10_000
        let (w, g) = (bench.normal(1, count, stream: 1), bench.normal(1, count, stream: 2))
        let (m, v) = (bench.zeros(1, count), bench.zeros(1, count))
        var expected = w.values[0]
        let gradients = g.values[0]
        var (first, second) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
        for step in 1...3 {
            let constants = AdamWStep(
                learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, step: step,
                gradientScale: 0.5)
            adamW(
                parameters: w, gradients: g, firstMoment: m, secondMoment: v, decays: true, constants, bench.context)
            for i in 0..<count {
                let gradient = gradients[i] * 0.5
                first[i] = 0.9 * first[i] + 0.1 * gradient
                second[i] = 0.999 * second[i] + 0.001 * gradient * gradient
                let (mean, spread) = (first[i] / (1 - pow(0.9, Double(step))), second[i] / (1 - pow(0.999, Double(step))))
                expected[i] = expected[i] * (1 - 0.01 * 0.1) - 0.01 * mean / (spread.squareRoot() + 1e-8)
            }
        }
        #expect(relativeError(w, [expected]) < tolerance)
    }

    @Test(arguments: [1, 2, 3])
    func sumsOfSquaresDoNotDependOnThreads(threads: Int) throws {
        let count = 100_003
        var sums: [Double] = []
        for team in [1, threads] {
            let bench = try Bench(threads: team)
            let x = bench.normal(1, count, stream: 1)
            let partials = UnsafeMutableBufferPointer<Double>.allocate(capacity: sumOfSquaresBlocks(count))
            defer { partials.deallocate() }
            sums.append(sumOfSquares(x, partials: partials, bench.context))
            let expected = x.values[0].reduce(0) { $0 + $1 * $1 }
            #expect(abs(sums[0] - expected) < 1e-9 * expected)
        }
        #expect(sums[0] == sums[1])
    }
}
