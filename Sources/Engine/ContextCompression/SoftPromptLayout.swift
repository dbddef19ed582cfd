package import Compute
package import Transformer

/// What the decoder reads for one sample: soft tokens, a prompt, then the target that it learns to write.
package struct SoftPrompt: Sendable {
    /// Rows of the matrix of soft tokens.
    package let softTokens: Range<Int>
    /// The instruction to restate, or a question; may be empty.
    package let prompt: [Int32]
    /// The text or the answer, its end token included.
    package let target: [Int32]

    /// The order in the decoder is the order of the arguments.
    package init(softTokens: Range<Int>, prompt: [Int32], target: [Int32]) {
        self.softTokens = softTokens
        self.prompt = prompt
        self.target = target
    }
}

/// Samples packed for the decoder without holes: positions run from 0 over soft tokens, prompt and target.
///
/// The last target token is predicted and never read, so it has no row.
package struct SoftPromptLayout: Sendable {
    /// Rows of one sample that hold soft tokens, and which soft tokens they are.
    struct SoftRows: Sendable {
        let rows: Range<Int>
        let softTokens: Range<Int>
    }

    /// Rows of one sample that hold looked-up tokens.
    struct TextRows: Sendable {
        let rows: Range<Int>
        let ids: [Int32]
    }

    /// One sequence for each sample.
    package let sequences: SequenceLayout
    /// Every target token and the row that predicts it; the first by the last row of the prompt, or without a prompt by
    /// the last soft token.
    package let targets: HeadTargets
    /// What was packed.
    let samples: [SoftPrompt]
    let softRows: [SoftRows]
    let textRows: [TextRows]

    /// Packs samples in order. A sample needs something in front of its target.
    package init(_ samples: [SoftPrompt]) {
        var (softRows, textRows): ([SoftRows], [TextRows]) = ([], [])
        var (rows, ids): ([Int32], [Int32]) = ([], [])
        var start = 0
        for sample in samples {
            precondition(
                !sample.softTokens.isEmpty || !sample.prompt.isEmpty, "something has to predict the first target")
            let soft = start..<start + sample.softTokens.count
            let text = sample.prompt + sample.target.dropLast()
            softRows.append(SoftRows(rows: soft, softTokens: sample.softTokens))
            textRows.append(TextRows(rows: soft.upperBound..<soft.upperBound + text.count, ids: text))
            let first = soft.upperBound + sample.prompt.count - 1
            rows += sample.target.indices.map { Int32(first + $0) }
            ids += sample.target
            start = soft.upperBound + text.count
        }
        self.samples = samples
        self.softRows = softRows
        self.textRows = textRows
        sequences = SequenceLayout(lengths: zip(softRows, textRows).map { $0.rows.count + $1.rows.count })
        targets = HeadTargets(rows: rows, ids: ids)
    }

    /// Throws unless every id and every position is one that the model has.
    package func check(_ model: LanguageModel) throws(ModelError) {
        try model.check(textRows.flatMap(\.ids) + targets.ids, sequences)
    }

    /// The same prompts and targets behind no soft tokens: what the decoder makes of the prompt alone.
    package var withoutSoftTokens: SoftPromptLayout {
        SoftPromptLayout(samples.map { SoftPrompt(softTokens: 0..<0, prompt: $0.prompt, target: $0.target) })
    }
}
