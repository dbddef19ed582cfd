internal import Compute
internal import DurableFiles
internal import JSON
internal import Transformer

extension Compressor {
    /// Digest of everything that decides what a text's soft tokens are: the base model, the tokenizer, the shape and
    /// every trained tensor. Both training stages keep it, since the second leaves the compressor as it is.
    ///
    /// - Parameters:
    ///   - record: the published description of this compressor.
    ///   - tokenizer: digest of the tokenizer.
    package func digest(_ record: CompressorRecord, tokenizer: String) -> String {
        var digest = SHA256.Stream()
        digest.update(Array("gmsa compressor\n\(record.base.sha256)\n\(tokenizer)\n\(record.computedShape)".utf8))
        for part in CompressorWeights.Part.allCases {
            for entry in weights.entries(of: part) {
                digest.update(Array("\(entry.name) \(entry.shape)\n".utf8))
                let value = parameters.parameter(entry).value
                let floats = (0..<value.count).map { Float(value.base[$0]) }
                floats.withUnsafeBytes { digest.update($0) }
            }
        }
        return digest.hex()
    }
}

extension CompressorRecord {
    /// The parts of gmsa.json that change soft tokens.
    fileprivate var computedShape: String {
        guard case .object(let fields) = encoded(hiddenSize: 0) else { return "" }
        return ["encoder", "lsa", "merge"].compactMap { fields[$0]?.text }.joined()
    }
}
