import Compute
import ContextCompression
import Transformer

/// Soft tokens of a frozen compressor: computed once for every context and rate, each context by itself, so that the
/// numbers do not depend on what it was asked for before.
final class SoftTokenCache {
    /// A context by its number, and a rate.
    struct Key: Hashable {
        let row: Int
        let rate: Int
    }

    private let compressor: Compressor
    private let segmentLength: Int
    private let workspace: Workspace
    private var stored: [Key: [Real]] = [:]

    init(_ compressor: Compressor, segmentLength: Int, _ workspace: Workspace) {
        self.compressor = compressor
        self.segmentLength = segmentLength
        self.workspace = workspace
    }

    /// Rows of soft tokens, end to end.
    func softTokens(_ key: Key, of context: [Int32]) throws -> [Real] {
        if let known = stored[key] { return known }
        let layout = try groups(of: context, rate: key.rate)
        let values = try workspace.with {
            compressor.activations(for: layout, recording: .none, $0)
        } _: { a, workContext in
            let softTokens = compressor.forward(context, layout, a, Pass(), workContext)
            return Array(UnsafeBufferPointer(start: softTokens.base, count: softTokens.count))
        }
        stored[key] = values
        return values
    }

    /// Rows and groups of one context.
    func groups(of context: [Int32], rate: Int) throws(CompressionError) -> GroupLayout {
        try GroupLayout(
            [GroupLayout.Context(segments: context.segments(of: segmentLength).map(\.count), groupSize: rate)],
            remainder: compressor.settings.remainder)
    }
}
