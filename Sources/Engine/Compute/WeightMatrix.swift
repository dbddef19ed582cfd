internal import CKernels

/// A row-major window onto bfloat16 numbers that a mapped file owns. They are only read.
package struct NarrowMatrix: BitwiseCopyable, @unchecked Sendable {
    /// The element at row 0, column 0: the upper half of a float32.
    package let base: UnsafePointer<UInt16>
    package let rows: Int
    package let columns: Int
    /// Elements from one row to the next.
    package let stride: Int

    /// A window of `rows` × `columns` elements; `stride` is `columns` when left out.
    package init(base: UnsafePointer<UInt16>, rows: Int, columns: Int, stride: Int? = nil) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
    }
}

/// The numbers of a weight as one side of a product, a table of rows, or a source of copies: in the engine's type, or
/// for frozen weights in bfloat16 as their file holds them.
package enum WeightMatrix: BitwiseCopyable, Sendable {
    case full(Matrix)
    /// Only for products of a team that multiplies in bfloat16.
    case narrow(NarrowMatrix)

    package var rows: Int {
        switch self {
        case .full(let matrix): matrix.rows
        case .narrow(let matrix): matrix.rows
        }
    }

    package var columns: Int {
        switch self {
        case .full(let matrix): matrix.columns
        case .narrow(let matrix): matrix.columns
        }
    }

    /// Bytes of the elements.
    package var byteCount: Int {
        switch self {
        case .full(let matrix): matrix.count * MemoryLayout<Real>.stride
        case .narrow(let matrix): matrix.rows * matrix.columns * MemoryLayout<UInt16>.stride
        }
    }

    /// Where the window begins; weights are joined in the order of their memory.
    package var address: UnsafeRawPointer {
        switch self {
        case .full(let matrix): UnsafeRawPointer(matrix.base)
        case .narrow(let matrix): UnsafeRawPointer(matrix.base)
        }
    }

    /// The window of some of the rows.
    package func rows(_ range: Range<Int>) -> WeightMatrix {
        switch self {
        case .full(let matrix): .full(matrix.rows(range))
        case .narrow(let m):
            .narrow(
                NarrowMatrix(
                    base: m.base + range.lowerBound * m.stride, rows: range.count, columns: m.columns,
                    stride: m.stride))
        }
    }

    /// The window of some of the columns.
    package func columns(_ range: Range<Int>) -> WeightMatrix {
        switch self {
        case .full(let matrix): .full(matrix.columns(range))
        case .narrow(let m):
            .narrow(
                NarrowMatrix(base: m.base + range.lowerBound, rows: m.rows, columns: range.count, stride: m.stride))
        }
    }

    /// Whether `next` begins where this window ends, so that both are one taller matrix.
    package func isFollowed(by next: WeightMatrix) -> Bool {
        switch (self, next) {
        case (.full(let a), .full(let b)):
            a.isContiguous && b.isContiguous && a.columns == b.columns && a.base + a.count == b.base
        case (.narrow(let a), .narrow(let b)):
            a.stride == a.columns && b.stride == b.columns && a.columns == b.columns
                && a.base + a.rows * a.columns == b.base
        default: false
        }
    }

    /// Both as one matrix. Requires `isFollowed(by:)`.
    package func joined(with next: WeightMatrix) -> WeightMatrix {
        precondition(isFollowed(by: next), "only neighbours can be joined")
        return switch self {
        case .full(let a): .full(Matrix(base: a.base, rows: a.rows + next.rows, columns: a.columns))
        case .narrow(let a): .narrow(NarrowMatrix(base: a.base, rows: a.rows + next.rows, columns: a.columns))
        }
    }

    /// The matrix as it is, as an operand of `multiply`.
    package var n: Operand { Operand(elements: self, isTransposed: false) }

    /// The transposed matrix as an operand of `multiply`; nothing is copied.
    package var t: Operand { Operand(elements: self, isTransposed: true) }

    /// Writes every element in the engine's type; bfloat16 numbers become the same numbers.
    ///
    /// - Parameter target: of the same shape.
    package func copy(into target: Matrix) {
        precondition(rows == target.rows && columns == target.columns, "copy needs equal shapes")
        switch self {
        case .full(let matrix): target.copy(from: matrix)
        case .narrow: for row in 0..<rows { copyRow(row, into: target.base + row * target.stride) }
        }
    }

    func copyRow(_ row: Int, into target: UnsafeMutablePointer<Real>) {
        switch self {
        case .full(let matrix): target.update(from: matrix.base + row * matrix.stride, count: columns)
        case .narrow(let matrix): hone_bf16_widen(matrix.base + row * matrix.stride, target, columns)
        }
    }
}
