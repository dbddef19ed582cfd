import ContextCompression

/// How long a context may be whose soft tokens, prompt and restatement share the positions of a model.
struct ContextLimit {
    let positions: Int
    /// Rows of what asks for the restatement.
    let prompt: Int
    /// The one that makes the most soft tokens.
    let rate: Int
    let cut: SegmentCut
    let remainder: GroupLayout.Remainder

    /// The longest context that fits, or the wanted length.
    ///
    /// - Throws: `TrainingError.specification` when nothing fits or less than what is wanted.
    func length(wanted: Int?) throws -> Int {
        let longest = stride(from: positions, through: 1, by: -1).first {
            cut.softTokenCount(of: $0, rate: rate, remainder) + prompt + $0 <= positions
        }
        guard let longest else {
            throw TrainingError.specification(
                "objective.ae.text: \(prompt) tokens leave no room in the \(positions) positions of the model")
        }
        guard let wanted else { return longest }
        guard (1...longest).contains(wanted) else {
            throw TrainingError.specification(
                "dataset.max_length: \(wanted), expected 1 to \(longest): soft tokens, instruction and text share the "
                    + "\(positions) positions of the model")
        }
        return wanted
    }
}
