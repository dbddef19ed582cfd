import Compute

/// An arena, a team and random windows for one test.
struct Bench {
    let context: Context
    private let random: RandomStream

    init(threads: Int = 2, products: ProductPrecision = .full, seed: UInt64 = 1) throws {
        context = Context(
            arena: try Arena(byteCount: 1 << 28), team: try ThreadTeam(threads: threads, products: products))
        random = RandomStream(seed: seed, stream: 0)
    }

    /// A window with normal numbers, `padding` unused elements behind every row.
    func normal(_ rows: Int, _ columns: Int, stream: UInt64, padding: Int = 0) -> Matrix {
        let whole = context.arena.matrix(rows, columns + padding)
        let random = RandomStream(seed: random.seed, stream: stream)
        for r in 0..<rows {
            for c in 0..<columns + padding { whole[r, c] = Real(random.normal(UInt64(r * (columns + padding) + c))) }
        }
        return whole.columns(0..<columns)
    }

    func zeros(_ rows: Int, _ columns: Int) -> Matrix {
        let m = context.arena.matrix(rows, columns)
        m.fill(0)
        return m
    }
}

extension Matrix {
    var values: [[Double]] { (0..<rows).map { r in (0..<columns).map { Double(self[r, $0]) } } }
}

/// Largest difference, relative to the largest expected value.
func relativeError(_ found: Matrix, _ expected: [[Double]]) -> Double {
    var difference = 0.0
    var size = 1e-30
    for (r, row) in expected.enumerated() {
        for (c, value) in row.enumerated() {
            difference = max(difference, abs(Double(found[r, c]) - value))
            size = max(size, abs(value))
        }
    }
    return difference / size
}

#if DoublePrecision
    let tolerance = 1e-12
#else
    let tolerance = 3e-6
#endif
