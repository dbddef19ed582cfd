import DurableFiles

/// Everything that cached reference scores depend on. Equal keys mean equal scores.
package struct ReferenceScoreKey: Sendable, Hashable, Codable {
    /// SHA-256 of the reference's weights and configuration, adapters included.
    package let model: String
    /// SHA-256 of what defines the tokenizer.
    package let tokenizer: String
    /// SHA-256 of the dataset's bytes.
    package let dataset: String
    /// Names of the columns, lengths, truncation: everything that decides about tokens.
    package let encoding: String
    /// How scores are computed, as far as it changes their last bits: precision, shared prompts.
    package let arithmetic: String

    /// A key from its parts.
    package init(model: String, tokenizer: String, dataset: String, encoding: String, arithmetic: String) {
        self.model = model
        self.tokenizer = tokenizer
        self.dataset = dataset
        self.encoding = encoding
        self.arithmetic = arithmetic
    }

    /// The key of the pairs of a dataset under a reference model.
    package init(model: String, arithmetic: String, examples: PairExamples) {
        let columns = examples.dataset.columns
        self.init(
            model: model, tokenizer: examples.encoder.codec.digest, dataset: examples.dataset.digest,
            encoding: "\(examples.encoder.fingerprint) prompt=\(columns.prompt) chosen=\(columns.chosen) "
                + "rejected=\(columns.rejected)",
            arithmetic: arithmetic)
    }

    /// Name of the cache's folder: the beginning of a digest over all parts.
    var folderName: String {
        let parts = [model, tokenizer, dataset, encoding, arithmetic]
        return "reference-" + SHA256.hex(of: parts.map { "\($0.utf8.count):\($0)" }.joined()).prefix(24)
    }
}

/// Reference log-probabilities of the tokens of one pair.
package struct PairReferenceScores: Sendable, Equatable {
    /// One for each chosen token.
    package let chosen: [Float]
    /// One for each rejected token.
    package let rejected: [Float]

    /// The scores of a pair.
    package init(chosen: [Float], rejected: [Float]) {
        self.chosen = chosen
        self.rejected = rejected
    }
}
