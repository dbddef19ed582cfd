/// Why training cannot go on. Reading and writing report their own errors.
package enum TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A loss or gradient that is not a number.
    case diverged(step: Int, what: String, rows: [Int])
    /// The data is not what it has to be.
    case data(String)
    /// The specification asks for what this build or this model cannot do.
    case specification(String)
    /// A checkpoint was made under other numerics, and the specification insists on identical bits.
    case numericsDiffer([String])
    /// Three checkpoints in a row could not be written.
    case checkpointsFail(String)
    case nothingToTrain

    package var description: String {
        switch self {
        case .diverged(let step, let what, let rows):
            "diverged at step \(step): \(what) is not a finite number"
                + (rows.isEmpty
                    ? "" : "; rows \(rows.map { String($0 + 1) }.joined(separator: ", ")) of the training file")
                + "; try a lower train.learning_rate or a smaller train.clip"
        case .data(let text), .specification(let text): text
        case .numericsDiffer(let differences):
            "the checkpoint was made under other numerics (\(differences.joined(separator: "; "))) and "
                + "determinism: strict promises identical bits; run on the same number of cores and the same kind of "
                + "processor, or submit with determinism: relaxed"
        case .checkpointsFail(let text): "three checkpoints in a row could not be written: \(text)"
        case .nothingToTrain: "no parameter is trained"
        }
    }
}
