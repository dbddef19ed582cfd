/// What can be wrong with a context or with the shape of a compressor.
package enum CompressionError: Error, Equatable, CustomStringConvertible {
    case emptyContext(sample: Int)
    case groupSizeOutOfRange(sample: Int, found: Int)
    case nothingKept(sample: Int, length: Int, groupSize: Int)
    case layersOutOfRange(part: String, found: Int, limit: Int)
    case trainedBase
    case contextTooLong(length: Int, limit: Int)

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
        }
    }
}
