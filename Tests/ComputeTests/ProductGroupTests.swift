import Compute
import Testing

@Suite("Products that share their left side")
struct ProductGroupTests {
    /// Rows, depth, and columns of the adapted linear: also more than are packed at a time.
    private static let shapes = [(5, 40, 70), (40, 70, 70), (300, 33, 2000), (300, 600, 70), (600, 1200, 70)]

    /// What an adapted linear asks for: u = s x Aᵀ, then y = x Wᵀ + u Bᵀ, and a linear beside it that adds.
    private struct Adapted {
        let x, down, up, weight, other: Matrix
        let lowRank, y, z: Matrix

        init(_ bench: Bench, rows: Int, depth: Int, outputs: Int) {
            x = bench.normal(rows, depth, stream: 1, padding: 3)
            (down, up) = (bench.normal(5, depth, stream: 2), bench.normal(outputs, 5, stream: 3))
            (weight, other) = (bench.normal(outputs, depth, stream: 4), bench.normal(depth, 33, stream: 5))
            let made = bench.zeros(rows, outputs + 50)
            (lowRank, y) = (made.columns(outputs + 30..<outputs + 35), made.columns(0..<outputs))
            z = bench.normal(rows, 33, stream: 6)
        }

        func multiplyTogether(_ context: Context) {
            multiply(x.n, group: 3, context) { index in
                switch index {
                case 0: GroupedProduct(down.t, into: lowRank, scale: 0.3)
                case 1: GroupedProduct(weight.t, into: y, further: .init(lowRank, up.t))
                default: GroupedProduct(other.n, into: z, accumulate: true)
                }
            }
        }
    }

    @Test(arguments: shapes, [1, 2, 3]) func groupIsItsProducts(shape: (Int, Int, Int), threads: Int) throws {
        let bench = try Bench(threads: threads)
        let adapted = Adapted(bench, rows: shape.0, depth: shape.1, outputs: shape.2)
        let before = adapted.z.values
        adapted.multiplyTogether(bench.context)

        let x = adapted.x.values
        let lowRank = ReferenceMath.product(x, ReferenceMath.transposed(adapted.down.values)).map {
            $0.map { $0 * 0.3 }
        }
        let base = ReferenceMath.product(x, ReferenceMath.transposed(adapted.weight.values))
        let added = ReferenceMath.product(lowRank, ReferenceMath.transposed(adapted.up.values))
        let other = ReferenceMath.product(x, adapted.other.values)
        #expect(relativeError(adapted.lowRank, lowRank) < tolerance)
        #expect(relativeError(adapted.y, zip(base, added).map { zip($0, $1).map { $0 + $1 } }) < tolerance)
        #expect(relativeError(adapted.z, zip(before, other).map { zip($0, $1).map { $0 + $1 } }) < tolerance)
    }

    #if !DoublePrecision
        /// The same where the team multiplies in bfloat16: both sides are rounded, further depth as well.
        @Test(
            .enabled(if: processorHasBFloat16, "this processor has no AVX512-BF16"), arguments: shapes, [1, 2, 3])
        func groupIsItsProductsInBFloat16(shape: (Int, Int, Int), threads: Int) throws {
            let bench = try Bench(threads: threads, products: .bfloat16)
            let adapted = Adapted(bench, rows: shape.0, depth: shape.1, outputs: shape.2)
            let before = adapted.z.values
            adapted.multiplyTogether(bench.context)

            func product(_ a: Matrix, _ b: Matrix, transposed: Bool) -> [[Double]] {
                let right = b.roundedToBFloat16
                return ReferenceMath.product(
                    a.roundedToBFloat16, transposed ? ReferenceMath.transposed(right) : right)
            }
            func sum(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] { zip(a, b).map { zip($0, $1).map { $0 + $1 } } }
            let lowRank = product(adapted.x, adapted.down, transposed: true).map { $0.map { $0 * 0.3 } }
            let base = product(adapted.x, adapted.weight, transposed: true)
            let added = product(adapted.lowRank, adapted.up, transposed: true)
            let other = product(adapted.x, adapted.other, transposed: false)
            #expect(relativeError(adapted.lowRank, lowRank) < tolerance)
            #expect(relativeError(adapted.y, sum(base, added)) < tolerance)
            #expect(relativeError(adapted.z, sum(before, other)) < tolerance)
        }

        /// A frozen weight as its file holds it beside adapters in float32, and more rows than threads share evenly.
        @Test(
            .enabled(if: processorHasBFloat16, "this processor has no AVX512-BF16"), arguments: [5, 301, 700],
            [1, 2, 3])
        func narrowWeightsInGroups(rows: Int, threads: Int) throws {
            let (outputs, depth, rank) = (83, 131, 5)
            let bits: [UInt16] = (0..<outputs * depth).map {
                0x3f80 + UInt16($0 * 7919 % 61) + ($0 % 3 == 0 ? 0x8000 : 0)
            }
            try bits.withUnsafeBufferPointer { pointer in
                let narrow = NarrowMatrix(base: try #require(pointer.baseAddress), rows: outputs, columns: depth)
                let bench = try Bench(threads: threads, products: .bfloat16)
                let weight = bench.zeros(outputs, depth)
                WeightMatrix.narrow(narrow).copy(into: weight)
                let x = bench.normal(rows, depth, stream: 1)
                let (down, up) = (bench.normal(rank, depth, stream: 2), bench.normal(outputs, rank, stream: 3))
                func product(_ weight: WeightMatrix) -> [[Double]] {
                    let (u, y) = (bench.zeros(rows, rank), bench.zeros(rows, outputs))
                    multiply(x.n, group: 2, bench.context) { index in
                        index == 0
                            ? GroupedProduct(down.t, into: u)
                            : GroupedProduct(weight.t, into: y, further: .init(u, up.t))
                    }
                    return y.values
                }
                #expect(product(.narrow(narrow)) == product(.full(weight)))
                // Adapters that add nothing leave the bits of the linear alone: a policy starts as its reference.
                up.fill(0)
                let alone = bench.zeros(rows, outputs)
                multiply(x.n, weight.t, into: alone, bench.context)
                #expect(product(.narrow(narrow)) == alone.values)
            }
        }
    #endif

    @Test(
        .enabled(if: ThreadTeam.multipliesItself, "the library promises nothing"), arguments: shapes,
        [ProductPrecision.full, .bfloat16])
    func groupsDoNotDependOnThreads(shape: (Int, Int, Int), precision: ProductPrecision) throws {
        let results = try [1, 2, 5].map { threads in
            let bench = try Bench(threads: threads, products: precision)
            let adapted = Adapted(bench, rows: shape.0, depth: shape.1, outputs: shape.2)
            adapted.multiplyTogether(bench.context)
            return [adapted.lowRank, adapted.y, adapted.z].map(\.values)
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }

    /// Gradients of adapters: lanes of both kinds, whole and ragged, more than are summed at a time.
    @Test(arguments: [(16, 576), (3, 1600), (64, 97), (40, 40), (1, 300)], [256, 1000])
    func thinProducts(lanes: (Int, Int), depth: Int) throws {
        let results = try [1, 2, 3].map { threads in
            let bench = try Bench(threads: threads)
            let u = bench.normal(depth, lanes.0, stream: 1, padding: 5)
            let x = bench.normal(depth, lanes.1, stream: 2, padding: 3)
            let (down, up) = (bench.normal(lanes.0, lanes.1, stream: 3), bench.normal(lanes.1, lanes.0, stream: 4))
            let (before, sums) = (down.values, ReferenceMath.product(ReferenceMath.transposed(u.values), x.values))
            multiply(u.t, x.n, into: down, accumulate: true, scale: 0.5, bench.context)
            multiply(x.t, u.n, into: up, bench.context)
            #expect(relativeError(down, zip(before, sums).map { zip($0, $1).map { $0 + 0.5 * $1 } }) < tolerance)
            #expect(relativeError(up, ReferenceMath.transposed(sums)) < tolerance)
            return [down.values, up.values]
        }
        #expect(!ThreadTeam.multipliesItself || results.allSatisfy { $0 == results[0] })
    }

    /// More further depth than the packed products take comes by a product of its own.
    @Test func deepFurtherDepth() throws {
        let bench = try Bench()
        let (x, more) = (bench.normal(300, 50, stream: 1), bench.normal(300, 90, stream: 2))
        let (weight, further) = (bench.normal(50, 40, stream: 3), bench.normal(90, 40, stream: 4))
        let y = bench.zeros(300, 40)
        multiply(x.n, group: 1, bench.context) { _ in
            GroupedProduct(weight.n, into: y, further: .init(more, further.n))
        }
        let expected = zip(
            ReferenceMath.product(x.values, weight.values), ReferenceMath.product(more.values, further.values)
        ).map { zip($0, $1).map { $0 + $1 } }
        #expect(relativeError(y, expected) < tolerance)
    }

    /// The adjoints leave what the forward pass had made in place of its gradient.
    @Test func adjointsRestoreOutputs() throws {
        let bench = try Bench()
        let (x, weight) = (bench.normal(40, 70, stream: 1), bench.normal(1, 70, stream: 2))
        let (y, inverse, dx) = (bench.zeros(40, 70), bench.zeros(40, 1), bench.zeros(40, 70))
        rmsNorm(x, weight: weight, epsilon: 1e-5, into: y, inverseRMS: inverse, bench.context)
        let dy = bench.normal(40, 70, stream: 3)
        rmsNormBackward(
            dy, x: x, weight: weight, inverseRMS: inverse, inputGradient: dx, weightGradient: nil, restores: true,
            bench.context)
        #expect(relativeError(dy, y.values) < tolerance)

        let (gate, up) = (bench.normal(40, 70, stream: 4), bench.normal(40, 70, stream: 5))
        gatedSiLU(gate: gate, up: up, into: y, bench.context)
        gatedSiLUBackward(dy, gate: gate, up: up, gateGradient: gate, upGradient: up, bench.context)
        #expect(relativeError(dy, y.values) < tolerance)
    }
}
