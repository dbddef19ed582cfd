internal import CKernels

/// One product of a group that shares its left side: c = scale · (a · b + further.a · further.b) (+ c when
/// `accumulates`).
package struct GroupedProduct: BitwiseCopyable {
    /// More depth for a product: what an adapter adds to the output of a linear, or to the gradient of its input.
    package struct Further: BitwiseCopyable {
        let a: Matrix
        let b: Operand

        /// - Parameter a: may be the `c` of an earlier product of the group.
        package init(_ a: Matrix, _ b: Operand) {
            self.a = a
            self.b = b
        }
    }

    let b: Operand
    let c: Matrix
    let scale: Real
    let accumulates: Bool
    let further: Further?

    /// A product that overwrites `c` by default.
    package init(_ b: Operand, into c: Matrix, accumulate: Bool = false, scale: Real = 1, further: Further? = nil) {
        self.b = b
        self.c = c
        self.scale = scale
        self.accumulates = accumulate
        self.further = further
    }
}

/// Products of one left side, in the order of their numbers. It is packed once for as many columns of all of them as
/// are packed at a time, further depth costs no pass over c of its own, and few rows take one barrier in all, or two
/// with further depth. The bits do not depend on the number of threads, nor those of a row on the number of rows while
/// these are many enough for packed products.
///
/// - Parameter product: the product of each number, asked for as often as it is needed. Further depth may read what
///   products without it write.
package func multiply(_ a: Operand, group count: Int, _ context: Context, _ product: (Int) -> GroupedProduct) {
    let team = context.team
    for index in 0..<count {
        let whole = product(index)
        whole.requireShapes(a.rows, depth: a.columns, whole.b)
        if let further = whole.further { whole.requireShapes(further.a.rows, depth: further.a.columns, further.b) }
    }
    if a.rows >= fewestPackedTogether * team.threads, let kernel = packedKernel(of: count, after: a, team, product) {
        team.parallel(a.rows, grain: splitGrain) { rows in
            multiplyTogether(a.taking(rows: rows), count, kernel) { product($0).taking(rows: rows) }
        }
        return
    }
    multiply(a, group: count, where: { $0.further == nil }, team, product)
    multiply(a, group: count, where: { $0.further != nil }, team, product)
}

/// With fewer rows for each thread, packing every b on every thread costs more than packing a again.
private let fewestPackedTogether = 128

/// The packed products that all of a group are, with their further depth; nil where they are not alike.
private func packedKernel(
    of count: Int, after a: Operand, _ team: ThreadTeam, _ product: (Int) -> GroupedProduct
) -> PackedKernel? {
    guard count > 0, let kernel = product(0).packedKernel(after: a, team),
        (1..<count).allSatisfy({ product($0).packedKernel(after: a, team) == kernel })
    else { return nil }
    return kernel
}

/// Some products of a group, each by itself, with barriers for all of them.
private func multiply(
    _ a: Operand, group count: Int, where isWanted: (GroupedProduct) -> Bool, _ team: ThreadTeam,
    _ product: (Int) -> GroupedProduct
) {
    let columns = (0..<count).reduce(0) { isWanted(product($1)) ? $0 + product($1).c.columns : $0 }
    if a.rows < columns, a.rows * columns * a.columns >= smallestSharedProduct {
        team.parallel(columns, grain: splitGrain) { range in
            var start = 0
            for index in 0..<count where isWanted(product(index)) {
                let whole = product(index)
                let part = range.clamped(to: start..<start + whole.c.columns)
                if !part.isEmpty {
                    let own = part.lowerBound - start..<part.upperBound - start
                    whole.taking(columns: own).multiply(a, as: whole.kernel(after: a, team))
                    whole.addFurther(columns: own, after: a, team)
                }
                start += whole.c.columns
            }
        }
    } else {
        for index in 0..<count where isWanted(product(index)) {
            let whole = product(index)
            let shares = a.rows * whole.c.columns * a.columns >= smallestSharedProduct
            team.parallel(a.rows, grain: shares ? splitGrain : a.rows) { rows in
                whole.taking(rows: rows).multiply(a.taking(rows: rows), as: whole.kernel(after: a, team))
            }
            guard let further = whole.further, whole.packedKernel(after: a, team) == nil else { continue }
            multiply(further.a.n, further.b, into: whole.c, accumulate: true, scale: whole.scale, team: team)
        }
    }
}

/// Our own products that pack both sides, and so take further depth and other products of the same left side along.
private enum PackedKernel {
    case float32, bfloat16
}

extension GroupedProduct {
    fileprivate func requireShapes(_ rows: Int, depth: Int, _ b: Operand) {
        precondition(
            rows == c.rows && b.columns == c.columns && depth == b.rows,
            "cannot multiply \(rows)×\(depth) by \(b.rows)×\(b.columns) into \(c.rows)×\(c.columns)")
    }

    /// Chosen for the whole product, as for one that is alone.
    fileprivate func kernel(after a: Operand, _ team: ThreadTeam) -> ProductKernel {
        ProductKernel(a, b, team.products)
    }

    /// Adds further depth to some columns on the calling thread, where it is not packed together with the product.
    fileprivate func addFurther(columns: Range<Int>, after a: Operand, _ team: ThreadTeam) {
        guard let further, packedKernel(after: a, team) == nil else { return }
        ProductKernel(further.a.n, further.b, team.products).multiply(
            further.a.n, further.b.taking(columns: columns), into: c.columns(columns), accumulate: true, scale: scale)
    }

    /// How the product is packed together with its further depth; nil where they are multiplied one after the other.
    fileprivate func packedKernel(after a: Operand, _ team: ThreadTeam) -> PackedKernel? {
        packed(as: kernel(after: a, team))
    }

    private func packed(as kernel: ProductKernel) -> PackedKernel? {
        guard further.map({ $0.a.columns <= Int(hone_most_further_depth) }) ?? true else { return nil }
        return switch kernel {
        case .packed where further?.b.isFull ?? true: .float32
        case .bfloat16: .bfloat16
        default: nil
        }
    }

    fileprivate func taking(rows: Range<Int>) -> GroupedProduct {
        GroupedProduct(
            b, into: c.rows(rows), accumulate: accumulates, scale: scale,
            further: further.map { Further($0.a.rows(rows), $0.b) })
    }

    fileprivate func taking(columns: Range<Int>) -> GroupedProduct {
        GroupedProduct(
            b.taking(columns: columns), into: c.columns(columns), accumulate: accumulates, scale: scale,
            further: further.map { Further($0.a, $0.b.taking(columns: columns)) })
    }

    /// On the calling thread; further depth only where it is packed together.
    fileprivate func multiply(_ a: Operand, as kernel: ProductKernel) {
        if further != nil, let packed = packed(as: kernel) {
            multiplyTogether(a, 1, packed) { _ in self }
        } else {
            kernel.multiply(a, b, into: c, accumulate: accumulates, scale: scale)
        }
    }
}

#if DoublePrecision
    private func multiplyTogether(
        _ a: Operand, _ count: Int, _ kernel: PackedKernel, _ product: (Int) -> GroupedProduct
    ) {
        preconditionFailure("there are no packed products in Double")
    }
#else
    private func multiplyTogether(
        _ a: Operand, _ count: Int, _ kernel: PackedKernel, _ product: (Int) -> GroupedProduct
    ) {
        withUnsafeTemporaryAllocation(of: hone_product.self, capacity: count) { products in
            for index in 0..<count { products.initializeElement(at: index, to: product(index).lanes) }
            var left = a.lanesOfRows
            let multiply = kernel == .bfloat16 ? hone_bf16_multiply_group : hone_f32_multiply_group
            let done = multiply(&left, products.baseAddress, count, a.rows, a.columns)
            precondition(done != 0, "no memory to pack the sides of a product in")
        }
    }

    extension GroupedProduct {
        fileprivate var lanes: hone_product {
            var lanes = hone_product(
                b: b.lanesOfColumns, c: c.base, stride: c.stride, columns: c.columns, scale: scale,
                accumulate: accumulates ? 1 : 0, further_a: hone_operand(), further_b: hone_operand(), further_depth: 0)
            if let further {
                lanes.further_a = further.a.n.lanesOfRows
                lanes.further_b = further.b.lanesOfColumns
                lanes.further_depth = further.a.columns
            }
            return lanes
        }
    }
#endif
