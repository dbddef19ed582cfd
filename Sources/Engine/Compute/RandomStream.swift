internal import CKernels

#if canImport(Glibc)
    internal import Glibc
#endif

/// Random numbers as a pure function of (seed, stream, counter): Philox4x32-10.
///
/// There is no state to save: a resumed run asks for the same counters and gets the same numbers.
package struct RandomStream: Sendable, Hashable {
    package let seed: UInt64
    /// Separates independent uses of one seed.
    package let stream: UInt64

    package init(seed: UInt64, stream: UInt64) {
        self.seed = seed
        self.stream = stream
    }

    /// Four 32-bit words for one counter.
    package func words(_ counter: UInt64) -> (UInt32, UInt32, UInt32, UInt32) {
        var result: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &result) { bytes in
            hone_philox(seed, stream, counter, bytes.baseAddress?.assumingMemoryBound(to: UInt32.self))
        }
        return result
    }

    /// 64 random bits for one counter.
    package func bits(_ counter: UInt64) -> UInt64 {
        let (low, high, _, _) = words(counter)
        return UInt64(high) << 32 | UInt64(low)
    }

    /// A number in 0 ..< 1 with 53 random bits.
    package func uniform(_ counter: UInt64) -> Double { Double(bits(counter) >> 11) * 0x1p-53 }

    /// A standard normal number (Box–Muller).
    package func normal(_ counter: UInt64) -> Double {
        let (a, b, c, d) = words(counter)
        let first = (Double(UInt64(b) << 32 | UInt64(a)) + 1) * 0x1p-64
        let second = Double(UInt64(d) << 32 | UInt64(c)) * 0x1p-64
        return (-2 * log(first)).squareRoot() * cos(2 * .pi * second)
    }

    /// A number in 0 ..< `bound`, without bias worth the name (bound ≪ 2⁶⁴).
    package func below(_ bound: Int, _ counter: UInt64) -> Int {
        Int(bits(counter).multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A permutation of 0 ..< `count` (Fisher–Yates), drawn with counters from `first`.
    package func permutation(of count: Int, first: UInt64 = 0) -> [Int32] {
        var order = (0..<Int32(count)).map { $0 }
        for i in stride(from: count - 1, to: 0, by: -1) {
            order.swapAt(i, below(i + 1, first + UInt64(i)))
        }
        return order
    }
}

/// y = dropout of x with the given rate: element i survives by the random number (stream, first + i) and is scaled by
/// 1 / (1 − rate). Both windows are contiguous. The adjoint is the same call on the gradient.
package func dropout(
    _ x: Matrix, into y: Matrix, rate: Double, stream: RandomStream, first: UInt64, _ context: Context
) {
    precondition(x.isContiguous && y.isContiguous && x.count == y.count)
    context.team.parallel(x.count, grain: 4096) { range in
        hone_dropout(
            x.base + range.lowerBound, y.base + range.lowerBound, range.count, rate, stream.seed, stream.stream,
            first + UInt64(range.lowerBound))
    }
}
