import ContextCompression
import JobModel

/// How contexts that are longer than the encoder reads at once are cut into pieces that are compressed apart.
struct SegmentCut: Sendable {
    /// Tokens of a piece.
    let length: Int
    /// Tokens that a piece shares with the one before it.
    let overlap: Int
    /// What gmsa.json says of it; nil where no length is given.
    let recorded: CompressorRecord.Segment?

    /// - Parameter contextLength: positions of the model: the length of a piece where none is given.
    init(_ settings: GMSASegmentSettings, contextLength: Int) throws {
        length = min(settings.tokens ?? contextLength, contextLength)
        overlap = settings.overlap
        guard overlap < length else {
            throw TrainingError.specification(
                "objective.segment.overlap: \(overlap), expected less than the \(length) tokens of a segment")
        }
        recorded = settings == GMSASegmentSettings() ? nil : CompressorRecord.Segment(tokens: length, overlap: overlap)
    }

    /// The pieces of a context of `count` tokens.
    func ranges(of count: Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        repeat {
            let end = min(start + length, count)
            ranges.append(start..<end)
            start = end - overlap
        } while ranges[ranges.count - 1].upperBound < count
        return ranges
    }

    /// The pieces of a context.
    func segments(of context: [Int32]) -> [[Int32]] { ranges(of: context.count).map { Array(context[$0]) } }

    /// Soft tokens of a context of `count` tokens.
    func softTokenCount(of count: Int, rate: Int, _ remainder: GroupLayout.Remainder) -> Int {
        ranges(of: count).reduce(0) { $0 + remainder.groupCount(of: $1.count, size: rate) }
    }
}
