#if !DoublePrecision
    import Compute
    import Testing

    let processorHasBFloat16 = (try? ThreadTeam(threads: 1, products: .bfloat16).products) == .bfloat16

    @Suite(
        "Products in bfloat16 against rounded sides multiplied in Double",
        .enabled(if: processorHasBFloat16, "this processor has no AVX512-BF16"))
    struct NarrowProductTests {
        /// Whole tiles, ragged ends of every side, odd depth, several blocks of depth, rows and columns.
        static let shapes = [(32, 32, 32), (33, 47, 65), (40, 100, 385), (530, 49, 33), (37, 800, 40), (48, 96, 1001)]

        @Test(arguments: shapes, [1, 2, 3])
        func everyLayout(shape: (Int, Int, Int), threads: Int) throws {
            let bench = try Bench(threads: threads, products: .bfloat16)
            let (m, n, k) = shape
            let a = bench.normal(m, k, stream: 1, padding: 3)
            let b = bench.normal(k, n, stream: 2, padding: 5)
            let c = bench.normal(m, n, stream: 3, padding: 1)
            let before = c.values
            let expected = ReferenceMath.product(a.roundedToBFloat16, b.roundedToBFloat16)
            multiply(a.n, b.n, into: c, accumulate: true, scale: 0.5, bench.context)
            #expect(relativeError(c, zip(before, expected).map { zip($0, $1).map { $0 + 0.5 * $1 } }) < tolerance)

            let d = bench.zeros(n, m)
            multiply(b.t, a.t, into: d, bench.context)
            #expect(relativeError(d, ReferenceMath.transposed(expected)) < tolerance)
        }

        /// Decoding: every row of a result is the same whatever rows are beside it and however its columns are split.
        @Test(
            .enabled(if: ThreadTeam.multipliesItself, "float32 products are the library's here"),
            arguments: [(false, ProductPrecision.full), (false, .bfloat16), (true, .bfloat16)])
        func fewRowsHaveTheSameBitsInAnyBatch(narrow: Bool, precision: ProductPrecision) throws {
            let (n, k) = (1003, 97)
            let bits: [UInt16] = (0..<n * k).map { 0x3f80 + UInt16($0 * 7919 % 61) + ($0 % 3 == 0 ? 0x8000 : 0) }
            let values = (0..<n).map { row in
                bits[row * k..<(row + 1) * k].map { Double(Float(bitPattern: UInt32($0) << 16)) }
            }
            try bits.withUnsafeBufferPointer { pointer in
                let weights = NarrowMatrix(base: try #require(pointer.baseAddress), rows: n, columns: k)
                func product(_ rows: Range<Int>, threads: Int) throws -> [[Double]] {
                    let bench = try Bench(threads: threads, products: precision)
                    defer { withExtendedLifetime(bench) {} }
                    let (a, c) = (bench.normal(31, k, stream: 1).rows(rows), bench.zeros(rows.count, n))
                    let widened = bench.zeros(n, k)
                    WeightMatrix.narrow(weights).copy(into: widened)
                    let b = narrow ? WeightMatrix.narrow(weights) : .full(widened)
                    multiply(a.n, b.t, into: c, bench.context)
                    let factors = precision == .bfloat16 ? a.roundedToBFloat16 : a.values
                    let expected = ReferenceMath.product(factors, ReferenceMath.transposed(values))
                    #expect(relativeError(c, expected) < tolerance)
                    return c.values
                }
                let all = try product(0..<31, threads: 1)
                for rows in [0..<1, 3..<5, 4..<7, 20..<28, 7..<31] {
                    #expect(try product(rows, threads: 2) == Array(all[rows]))
                }
            }
        }

        /// A row has the same factors alone and among many: a reference is scored in another batch than a policy.
        @Test(arguments: [700, 16]) func aRowAloneIsThatAmongMany(outputs: Int) throws {
            let bench = try Bench(products: .bfloat16)
            let (a, b) = (bench.normal(40, 300, stream: 1), bench.normal(outputs, 300, stream: 2))
            let (all, few) = (bench.zeros(40, outputs), bench.zeros(5, outputs))
            multiply(a.n, b.t, into: all, bench.context)
            multiply(a.rows(10..<15).n, b.t, into: few, bench.context)
            #expect(relativeError(few, Array(all.values[10..<15])) < tolerance)
        }

        @Test func roundingIsReallyDone() throws {
            let bench = try Bench(products: .bfloat16)
            let (a, b) = (bench.normal(64, 64, stream: 1), bench.normal(64, 64, stream: 2))
            let c = bench.zeros(64, 64)
            multiply(a.n, b.n, into: c, bench.context)
            #expect(relativeError(c, ReferenceMath.product(a.values, b.values)) > 1e-4)
        }

        /// What a weight is multiplied with is rounded whatever the sizes; gradients of adapters are not.
        @Test func smallSides() throws {
            let bench = try Bench(products: .bfloat16)
            let (a, b) = (bench.normal(64, 16, stream: 1), bench.normal(16, 64, stream: 2))
            let c = bench.zeros(64, 64)
            multiply(a.n, b.n, into: c, bench.context)
            #expect(relativeError(c, ReferenceMath.product(a.roundedToBFloat16, b.roundedToBFloat16)) < tolerance)

            let (x, gradient) = (bench.normal(64, 50, stream: 3), bench.zeros(16, 50))
            multiply(a.t, x.n, into: gradient, bench.context)
            #expect(
                relativeError(gradient, ReferenceMath.product(ReferenceMath.transposed(a.values), x.values)) < tolerance)
        }

        @Test(arguments: [(257, 65, 900), (64, 1000, 577)])
        func bitsDoNotDependOnThreads(shape: (Int, Int, Int)) throws {
            let (m, n, k) = shape
            let results = try [1, 2, 5].map { threads in
                let bench = try Bench(threads: threads, products: .bfloat16)
                let c = bench.zeros(m, n)
                multiply(
                    bench.normal(m, k, stream: 1).n, bench.normal(k, n, stream: 2).n, into: c, bench.context)
                return c.values
            }
            #expect(results.allSatisfy { $0 == results[0] })
        }
    }

    extension Matrix {
        /// To nearest, ties to even: bfloat16 is the upper half of a float32.
        var roundedToBFloat16: [[Double]] {
            values.map { row in
                row.map { value in
                    let bits = Float(value).bitPattern
                    return Double(Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000))
                }
            }
        }
    }
#endif
