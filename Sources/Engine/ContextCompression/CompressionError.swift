/// What can be wrong with a context or with the shape of a compressor.
package enum CompressionError: Error, Equatable, CustomStringConvertible {
    case emptyContext(sample: Int)
    case groupSizeOutOfRange(sample: Int, found: Int)
    case nothingKept(sample: Int, length: Int, groupSize: Int)
    case layersOutOfRange(part: String, found: Int, limit: Int)
    case trainedBase
    case contextTooLong(length: Int, limit: Int)
    case tooFewMemoryTokens(needed: Int, limit: Int)
    case segmentOutOfRange(found: Int)
    case cannotGrow

    /// Place, what was found, what was expected, what to do next.
    package var description: String {
        switch self {
        case .emptyContext(let sample): "sample \(sample): the context has no tokens; there is nothing to compress"
        case .groupSizeOutOfRange(let sample, let found):
            "sample \(sample): rate \(found), expected at least 1 token for one soft token"
        case .nothingKept(let sample, let length, let groupSize):
            "sample \(sample): \(length) tokens make no whole group of \(groupSize) and the remainder is dropped; "
                + "use a lower rate or keep the remainder"
        case .layersOutOfRange(let part, let found, let limit):
            "\(part).layers: \(found), expected 1 to \(limit): the layers of the model"
        case .trainedBase: "the model of a compressor is shared with its decoder and must be frozen"
        case .contextTooLong(let length, let limit):
            "a context of \(length) tokens is beyond the \(limit) positions of the model; cut it into segments"
        case .tooFewMemoryTokens(let needed, let limit):
            "a context needs \(needed) memory tokens, and the compressor learned \(limit); use a higher rate or segments"
        case .segmentOutOfRange(let found): "segments of \(found) tokens, expected at least 1"
        case .cannotGrow:
            "nothing can be appended: the soft tokens were made without the compressor's state, or by memory tokens, "
                + "which read a text as a whole"
        }
    }
}
