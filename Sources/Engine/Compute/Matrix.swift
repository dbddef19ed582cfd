/// A row-major window onto memory that an arena, a parameter store or a mapped file owns.
///
/// A window is trivial: copying it copies no numbers. Its lifetime is the owner's. Concurrent use is safe as long
/// as threads write disjoint elements, which every operation of this module keeps to.
package struct Matrix: BitwiseCopyable, @unchecked Sendable {
    /// The element at row 0, column 0.
    package let base: UnsafeMutablePointer<Real>
    package let rows: Int
    package let columns: Int
    /// Elements from one row to the next.
    package let stride: Int

    /// A window of `rows` × `columns` elements; `stride` is `columns` when left out.
    package init(base: UnsafeMutablePointer<Real>, rows: Int, columns: Int, stride: Int? = nil) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
    }

    /// One element.
    package subscript(row: Int, column: Int) -> Real {
        get { base[row * stride + column] }
        nonmutating set { base[row * stride + column] = newValue }
    }

    /// The window of some of the rows.
    package func rows(_ range: Range<Int>) -> Matrix {
        Matrix(base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
    }

    /// The window of some of the columns: one attention head is such a window.
    package func columns(_ range: Range<Int>) -> Matrix {
        Matrix(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// Whether rows lie end to end.
    package var isContiguous: Bool { stride == columns || rows <= 1 }

    /// Number of elements.
    package var count: Int { rows * columns }

    /// The matrix as it is, as an operand of `multiply`.
    package var n: Operand { WeightMatrix.full(self).n }

    /// The transposed matrix as an operand of `multiply`; nothing is copied.
    package var t: Operand { WeightMatrix.full(self).t }

    /// Writes `value` to every element.
    package func fill(_ value: Real) {
        if isContiguous { return base.update(repeating: value, count: count) }
        for row in 0..<rows { (base + row * stride).update(repeating: value, count: columns) }
    }

    /// All elements of a contiguous window, row by row.
    package var elements: [Real] {
        precondition(isContiguous, "elements of a window with gaps")
        return Array(UnsafeBufferPointer(start: base, count: count))
    }

    /// Overwrites the first elements of a contiguous window.
    package func copy(elements: [Real]) {
        precondition(isContiguous && elements.count <= count, "more elements than the window has")
        elements.withUnsafeBufferPointer { from in
            if let first = from.baseAddress { base.update(from: first, count: from.count) }
        }
    }

    /// Copies the elements of a window of the same shape.
    package func copy(from other: Matrix) {
        precondition(rows == other.rows && columns == other.columns, "copy needs equal shapes")
        if isContiguous && other.isContiguous { return base.update(from: other.base, count: count) }
        for row in 0..<rows { (base + row * stride).update(from: other.base + row * other.stride, count: columns) }
    }
}

/// A matrix or its transpose, as one side of a product.
package struct Operand: BitwiseCopyable {
    package let elements: WeightMatrix
    package let isTransposed: Bool

    /// Rows of the operand as it is used.
    package var rows: Int { isTransposed ? elements.columns : elements.rows }
    /// Columns of the operand as it is used.
    package var columns: Int { isTransposed ? elements.rows : elements.columns }
}
