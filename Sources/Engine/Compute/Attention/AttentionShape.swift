/// Sizes of one attention operation. Query heads are split evenly over the key/value heads.
package struct AttentionShape: Sendable, Hashable {
    package let headCount: Int
    package let keyValueHeadCount: Int
    package let headDimension: Int
    /// Factor on the scores, usually 1/√headDimension.
    package let scale: Real
    /// A window of w lets a token see w tokens, itself included; nil sees everything before.
    package let window: Int?

    package init(headCount: Int, keyValueHeadCount: Int, headDimension: Int, scale: Real, window: Int? = nil) {
        precondition(headCount % keyValueHeadCount == 0, "heads must divide evenly over key/value heads")
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headDimension = headDimension
        self.scale = scale
        self.window = window
    }

    /// Query heads that share one key/value head.
    var groupSize: Int { headCount / keyValueHeadCount }

    func head(_ index: Int, of x: Matrix) -> Matrix {
        x.columns(index * headDimension..<(index + 1) * headDimension)
    }
}
