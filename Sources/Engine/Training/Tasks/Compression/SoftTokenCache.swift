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
    private let cut: SegmentCut
    private let workspace: Workspace
    private var stored: [Key: [Real]] = [:]

    init(_ compressor: Compressor, _ cut: SegmentCut, _ workspace: Workspace) {
        self.compressor = compressor
        self.cut = cut
        self.workspace = workspace
    }

    /// Rows of soft tokens, end to end.
    func softTokens(_ key: Key, of context: [Int32]) throws -> [Real] {
        if let known = stored[key] { return known }
        let layout = try groups(of: context, rate: key.rate)
        let values = try workspace.with {
            compressor.activations(for: layout, recording: .none, $0)
        } _: { a, workContext in
            compressor.forward(cut.segments(of: context).flatMap { $0 }, layout, a, Pass(), workContext).elements
        }
        stored[key] = values
        return values
    }

    /// Rows and groups of one context.
    func groups(of context: [Int32], rate: Int) throws(CompressionError) -> GroupLayout {
        try compressor.groups(
            of: [GroupLayout.Context(segments: cut.ranges(of: context.count).map(\.count), groupSize: rate)])
    }
}
