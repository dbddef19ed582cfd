import Datasets
import DurableFiles

/// Rows of a context, a question about it and its answer, in tokens without special ones but the end of the answer.
struct QuestionRows {
    /// One row.
    struct Question {
        let context: [Int32]
        /// Whether the context had more tokens.
        let isCut: Bool
        let prompt: [Int32]
        /// All answers that count as right, in words; `answer` is the first of them that is not empty.
        let references: [String]
        /// With the end token, where the tokenizer has one.
        let answer: [Int32]
    }

    let dataset: Dataset
    let codec: TextCodec
    /// Contexts are cut to their first so many tokens.
    let maximumLength: Int
    /// The question; `{prompt}` stands for the row's.
    let template: String

    /// Token counts of the largest parts of some rows.
    struct Lengths {
        var (context, prompt, answer) = (0, 0, 0)

        /// The larger of each part.
        func widened(by other: Lengths) -> Lengths {
            Lengths(
                context: max(context, other.context), prompt: max(prompt, other.prompt),
                answer: max(answer, other.answer))
        }
    }

    /// The largest parts of all rows.
    private(set) var longest = Lengths()
    /// What became of the rows.
    private(set) var report: ContextReport

    /// Looks at every row.
    ///
    /// - Parameters:
    ///   - positions: those of the decoder, and how many of them the soft tokens of a context take.
    init(
        _ dataset: Dataset, _ codec: TextCodec, maximumLength: Int, template: String,
        positions: (limit: Int, softTokens: (_ contextLength: Int) -> Int), checkpoint: () throws -> Void
    ) throws {
        self.dataset = dataset
        self.codec = codec
        self.maximumLength = maximumLength
        self.template = template
        report = ContextReport(maximumLength: maximumLength)
        for row in 0..<dataset.count {
            if row % 64 == 0 { try checkpoint() }
            let question = try question(row)
            let needed = positions.softTokens(question.context.count) + question.prompt.count + question.answer.count
            guard needed <= positions.limit else {
                throw problem(
                    row, "soft tokens, question and answer take \(needed) positions",
                    "expected at most \(positions.limit), those of the model; a higher rate or a smaller "
                        + "dataset.max_length helps")
            }
            longest = longest.widened(
                by: Lengths(
                    context: question.context.count, prompt: question.prompt.count, answer: question.answer.count))
            report.keep(question.context.count, isCut: question.isCut)
        }
    }

    var count: Int { dataset.count }

    func question(_ row: Int) throws -> Question {
        let whole = codec.encode(try dataset.text(row), false)
        let context = whole.prefix(maximumLength)
        let question = try dataset.question(row)
        let references = question.answers.filter { !$0.isEmpty }
        let ids = references.first.map { codec.encode($0, false) } ?? []
        guard !context.isEmpty, !ids.isEmpty else {
            throw problem(row, "the \(context.isEmpty ? "context" : "answer") has no tokens", "expected at least one")
        }
        return Question(
            context: Array(context), isCut: context.count < whole.count,
            prompt: codec.encode(template.replacing("{prompt}", with: question.prompt), false),
            references: references,
            answer: ids + (codec.endOfSequence.map { [$0] } ?? []))
    }

    private func problem(_ row: Int, _ found: String, _ expected: String) -> TrainingError {
        .data("\(dataset.place(ofRow: row)): \(found); \(expected)")
    }

    /// Digest of everything that decides what the rows are.
    var identity: String {
        SHA256.hex(of: "\(dataset.digest) \(codec.digest) questions \(template) contexts of \(maximumLength)")
    }
}
