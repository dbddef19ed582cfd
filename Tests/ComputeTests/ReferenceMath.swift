import Compute
import Foundation

/// The slow, obvious versions of the kernels, in Double.
enum ReferenceMath {
    typealias Rows = [[Double]]

    static func product(_ a: Rows, _ b: Rows) -> Rows {
        a.map { row in
            (b.first ?? []).indices.map { column in row.indices.reduce(0) { $0 + row[$1] * b[$1][column] } }
        }
    }

    static func transposed(_ a: Rows) -> Rows {
        (a.first ?? []).indices.map { column in a.map { $0[column] } }
    }

    static func rmsNorm(_ x: Rows, weight: [Double], epsilon: Double) -> Rows {
        x.map { row in
            let scale = 1 / (row.reduce(0) { $0 + $1 * $1 } / Double(row.count) + epsilon).squareRoot()
            return zip(row, weight).map { $0 * scale * $1 }
        }
    }

    static func gatedSiLU(gate: Rows, up: Rows) -> Rows {
        zip(gate, up).map { zip($0, $1).map { $0 / (1 + exp(-$0)) * $1 } }
    }

    /// Every query of some spans with the keys that it sees.
    private static func forEachQuery(
        of spans: [AttentionSpan], _ shape: AttentionShape, _ body: (_ row: Int, _ visible: ArraySlice<Int>) -> Void
    ) {
        for span in spans {
            let keys = span.keys.flatMap { Array($0) }
            for (i, row) in span.queries.enumerated() {
                let last = span.keyCount - span.queries.count + i
                body(row, keys[max(0, last + 1 - (shape.window ?? .max))...last])
            }
        }
    }

    /// Attention by the definition: every query looks at its visible keys one by one.
    static func attention(q: Rows, k: Rows, v: Rows, spans: [AttentionSpan], shape: AttentionShape) -> Rows {
        let d = shape.headDimension
        let group = shape.headCount / shape.keyValueHeadCount
        var out = q.map { $0.map { _ in 0.0 } }
        forEachQuery(of: spans, shape) { row, visible in
            for head in 0..<shape.headCount {
                let query = q[row][head * d..<(head + 1) * d]
                let columns = head / group * d..<(head / group + 1) * d
                let scores = visible.map { key in
                    zip(query, k[key][columns]).reduce(0) { $0 + $1.0 * $1.1 } * Double(shape.scale)
                }
                let top = scores.max() ?? 0
                let weights = scores.map { exp($0 - top) }
                let total = weights.reduce(0, +)
                for (weight, key) in zip(weights, visible) {
                    for c in 0..<d { out[row][head * d + c] += weight / total * v[key][columns.lowerBound + c] }
                }
            }
        }
        return out
    }

    /// The gradients of `attention`, by the definition.
    static func attentionGradients(
        _ dOut: Rows, q: Rows, k: Rows, v: Rows, spans: [AttentionSpan], shape: AttentionShape
    ) -> (q: Rows, k: Rows, v: Rows) {
        let (d, group, scale) = (shape.headDimension, shape.headCount / shape.keyValueHeadCount, Double(shape.scale))
        func zeros(_ x: Rows) -> Rows { x.map { $0.map { _ in 0 } } }
        var (dq, dk, dv) = (zeros(q), zeros(k), zeros(v))
        func dot(_ a: ArraySlice<Double>, _ b: ArraySlice<Double>) -> Double {
            zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
        }
        forEachQuery(of: spans, shape) { row, visible in
            for head in 0..<shape.headCount {
                let (own, shared) = (head * d, head / group * d)
                let (query, slope) = (q[row][own..<own + d], dOut[row][own..<own + d])
                let scores = visible.map { dot(query, k[$0][shared..<shared + d]) * scale }
                let top = scores.max() ?? 0
                let total = scores.reduce(0) { $0 + exp($1 - top) }
                let p = scores.map { exp($0 - top) / total }
                let dp = visible.map { dot(slope, v[$0][shared..<shared + d]) }
                let mean = zip(p, dp).reduce(0) { $0 + $1.0 * $1.1 }
                for (key, (p, dp)) in zip(visible, zip(p, dp)) {
                    let ds = scale * p * (dp - mean)
                    for c in 0..<d {
                        dv[key][shared + c] += p * dOut[row][own + c]
                        dk[key][shared + c] += ds * q[row][own + c]
                        dq[row][own + c] += ds * k[key][shared + c]
                    }
                }
            }
        }
        return (dq, dk, dv)
    }
}
