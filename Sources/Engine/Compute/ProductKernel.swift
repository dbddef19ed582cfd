internal import CKernels
internal import COpenBLAS

/// Number type in which the two sides of a product are multiplied; sums are always in the engine's own type. Weights,
/// gradients, activations and everything that is not a product are in the engine's type in either case.
package enum ProductPrecision: Sendable, Equatable {
    /// The engine's own type.
    case full
    /// Both sides rounded to bfloat16 while they are packed: about twice as fast where the processor can multiply it.
    case bfloat16

    /// What this processor can do of it.
    var possible: ProductPrecision { self == .bfloat16 && hone_bf16_available() == 0 ? .full : self }
}

/// Which code computes a product on one thread. Chosen for the whole product, so that every element gets the same sums
/// however the product is split over a team.
enum ProductKernel {
    /// OpenBLAS.
    case library
    /// Our own, in float32.
    case packed
    /// Our own, in float32, for few rows of a: b is read once and not packed.
    case rows
    /// Our own, in float32, for sums over many rows of memory with few lanes on one side: the gradients of adapters.
    case thin
    /// Our own, in bfloat16.
    case bfloat16
    /// As `rows`, with the sides rounded as `bfloat16` rounds them; of a b that exists in bfloat16, half is read.
    case bfloat16Rows

    init(_ a: Operand, _ b: Operand, _ precision: ProductPrecision) {
        let isRounded = precision == .bfloat16 && Self.rounds(a, b)
        if Self.hasOwn, Self.suitsRows(a, b), !isRounded || a.rows < 32 {
            self = isRounded ? .bfloat16Rows : .rows
        } else if isRounded {
            self = .bfloat16
        } else if Self.hasOwn {
            self = Self.isThin(a, b) ? .thin : .packed
        } else {
            self = .library
        }
    }

    /// What a weight is multiplied with is always rounded, so that a row has the same factors in any batch; gradients of
    /// weights are where no side is so small that it costs as much to pack as to multiply.
    private static func rounds(_ a: Operand, _ b: Operand) -> Bool {
        !a.isTransposed || !a.isFull || !b.isFull || min(a.rows, b.columns, a.columns) >= 32
    }

    private static func isThin(_ a: Operand, _ b: Operand) -> Bool {
        a.isTransposed && !b.isTransposed && a.columns >= 256 && min(a.rows, b.columns) <= hone_most_thin_lanes
    }

    /// Whether float32 products are our own here.
    static let hasOwn = MemoryLayout<Real>.size == 4 && hone_f32_available() != 0

    /// Only a large b is worth it: of small ones, a row's sums should not depend on how many rows there are.
    private static func suitsRows(_ a: Operand, _ b: Operand) -> Bool {
        a.rows <= hone_f32_most_rows && b.columns * a.columns >= 1 << 15 && !a.isTransposed && b.isTransposed
            && !a.elements.isNarrow && a.rows * a.columns <= hone_packing_size / MemoryLayout<Float>.size
    }

    /// c = scale · a · b (+ c when `accumulate`).
    func multiply(_ a: Operand, _ b: Operand, into c: Matrix, accumulate: Bool, scale: Real) {
        guard c.rows > 0, c.columns > 0 else { return }
        guard a.columns > 0 else {
            if !accumulate { c.fill(0) }
            return
        }
        #if DoublePrecision
            multiplyByLibrary(a, b, into: c, accumulate: accumulate, scale: scale)
        #else
            if case .library = self {
                multiplyByLibrary(a, b, into: c, accumulate: accumulate, scale: scale)
            } else {
                multiplyByOwn(a, b, into: c, accumulate: accumulate, scale: scale)
            }
        #endif
    }

    private func multiplyByLibrary(_ a: Operand, _ b: Operand, into c: Matrix, accumulate: Bool, scale: Real) {
        guard case .full(let left) = a.elements, case .full(let right) = b.elements else {
            preconditionFailure("a weight in bfloat16 needs a team that multiplies in bfloat16")
        }
        #if DoublePrecision
            let product = cblas_dgemm
        #else
            let product = cblas_sgemm
        #endif
        product(
            CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
            blasint(c.rows), blasint(c.columns), blasint(a.columns), scale, left.base, blasint(left.stride),
            right.base, blasint(right.stride), accumulate ? 1 : 0, c.base, blasint(c.stride))
    }

    #if !DoublePrecision
        private func multiplyByOwn(_ a: Operand, _ b: Operand, into c: Matrix, accumulate: Bool, scale: Real) {
            var (left, right) = (a.lanesOfRows, b.lanesOfColumns)
            let isRounded = self == .bfloat16 || self == .bfloat16Rows
            precondition(
                isRounded || left.narrow == 0 && right.narrow == 0,
                "a weight in bfloat16 needs a team that multiplies in bfloat16")
            let done: Int32
            if self == .rows || self == .bfloat16Rows {
                done = hone_f32_multiply_rows(
                    &left, &right, c.base, c.stride, c.rows, c.columns, a.columns, scale, accumulate ? 1 : 0,
                    isRounded ? 1 : 0)
            } else {
                let product =
                    self == .thin ? hone_f32_multiply_thin : isRounded ? hone_bf16_multiply : hone_f32_multiply
                done = product(
                    &left, &right, c.base, c.stride, c.rows, c.columns, a.columns, scale, accumulate ? 1 : 0)
            }
            precondition(done != 0, "no memory to pack the sides of a product in")
        }
    #endif
}

extension Operand {
    /// Whether the elements are in the engine's type.
    var isFull: Bool { !elements.isNarrow }
    /// As the left side of our own products.
    var lanesOfRows: hone_operand { elements.lanes(depthIsContiguous: !isTransposed) }
    /// As the right side of our own products.
    var lanesOfColumns: hone_operand { elements.lanes(depthIsContiguous: isTransposed) }
}

extension WeightMatrix {
    fileprivate var isNarrow: Bool {
        if case .narrow = self { true } else { false }
    }

    /// The window as one side of our own products.
    fileprivate func lanes(depthIsContiguous: Bool) -> hone_operand {
        let (stride, narrow) =
            switch self {
            case .full(let matrix): (matrix.stride, Int32(0))
            case .narrow(let matrix): (matrix.stride, Int32(1))
            }
        return hone_operand(
            base: address, stride: stride, depth_is_contiguous: depthIsContiguous ? 1 : 0, narrow: narrow)
    }
}
