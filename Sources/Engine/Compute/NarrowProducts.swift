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
    func suits(rows: Int, columns: Int, depth: Int) -> Bool { min(rows, columns, depth) >= Self.smallestSide }

    private static let smallestSide = 32

    #if !DoublePrecision
        /// The product on the calling thread, which is number `thread` of the team.
        func multiply(_ a: Operand, _ b: Operand, into c: Matrix, accumulate: Bool, scale: Real, thread: Int) {
            guard c.rows > 0, c.columns > 0 else { return }
            var left = hone_bf16_operand(
                base: a.matrix.base, stride: a.matrix.stride, depth_is_contiguous: a.isTransposed ? 0 : 1, narrow: 0)
            var right = hone_bf16_operand(
                base: b.matrix.base, stride: b.matrix.stride, depth_is_contiguous: b.isTransposed ? 1 : 0, narrow: 0)
            hone_bf16_multiply(
                &left, &right, c.base, c.stride, c.rows, c.columns, a.columns, scale, accumulate ? 1 : 0,
                memory + thread * Self.bytesPerThread)
        }
    #endif
}
