internal import Compute
internal import Transformer

extension Compressor {
    /// Soft tokens from the output of the alignment stack: its norm, or the linear map, or as they are.
    func finish(
        _ aligned: Matrix, into softTokens: Matrix, inverseRMS: Matrix, _ memory: LinearGroup.Activations?,
        _ context: Context
    ) {
        if let alignmentNorm {
            alignmentNorm.forward(aligned, into: softTokens, inverseRMS: inverseRMS, context)
        } else if let linear, let memory {
            linear.forward(aligned, into: softTokens, memory, .none, Pass(), context)
        } else {
            copy(aligned, into: softTokens, context)
        }
    }
}
