internal import CKernels

/// Number type in which the two sides of a product are multiplied; sums are always in the engine's own type.
package enum ProductPrecision: Sendable, Equatable {
    /// The engine's own type.
    case full
    /// Both sides rounded to bfloat16 while they are packed: about twice as fast where the processor can multiply it.
    case bfloat16
}

/// Products of bfloat16 numbers with sums in float32, and the memory in which each thread packs its part.
///
/// Weights, gradients, activations and everything that is not a product stay in float32.
final class NarrowProducts: @unchecked Sendable {
    private let memory: UnsafeMutableRawPointer
    private let threads: Int

    private static let bytesPerThread = hone_bf16_workspace_size()

    /// Nil where the processor cannot multiply bfloat16, or the engine computes in Double.
    init?(threads: Int) {
        guard hone_bf16_available() != 0, let memory = hone_memory_map(threads * Self.bytesPerThread) else { return nil }
        self.memory = memory
        self.threads = threads
    }

    deinit { hone_memory_unmap(memory, threads * Self.bytesPerThread) }

    /// Whether a product is worth packing: a side of fewer numbers than this costs as much to pack as to multiply.
    /// A weight that exists in bfloat16 only is always multiplied here.
    func suits(_ a: Operand, _ b: Operand) -> Bool {
        min(a.rows, b.columns, a.columns) >= Self.smallestSide || a.elements.isNarrow || b.elements.isNarrow
    }

    private static let smallestSide = 32

    #if !DoublePrecision
        /// The product on the calling thread, which is number `thread` of the team.
        func multiply(_ a: Operand, _ b: Operand, into c: Matrix, accumulate: Bool, scale: Real, thread: Int) {
            guard c.rows > 0, c.columns > 0 else { return }
            var left = a.elements.packingSource(depthIsContiguous: !a.isTransposed)
            var right = b.elements.packingSource(depthIsContiguous: b.isTransposed)
            hone_bf16_multiply(
                &left, &right, c.base, c.stride, c.rows, c.columns, a.columns, scale, accumulate ? 1 : 0,
                memory + thread * Self.bytesPerThread)
        }
    #endif
}

extension WeightMatrix {
    fileprivate var isNarrow: Bool {
        if case .narrow = self { true } else { false }
    }

    /// What the kernel packs from.
    fileprivate func packingSource(depthIsContiguous: Bool) -> hone_bf16_operand {
        let (base, stride, narrow) =
            switch self {
            case .full(let matrix): (UnsafeRawPointer(matrix.base), matrix.stride, Int32(0))
            case .narrow(let matrix): (UnsafeRawPointer(matrix.base), matrix.stride, Int32(1))
            }
        return hone_bf16_operand(
            base: base, stride: stride, depth_is_contiguous: depthIsContiguous ? 1 : 0, narrow: narrow)
    }
}
