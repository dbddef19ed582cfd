package import Compute
package import Transformer

/// What the decoder reads for one sample: soft tokens, a prompt, then the target that it learns to write.
package struct SoftPrompt: Sendable {
    /// Rows of the matrix of soft tokens.
    package let softTokens: Range<Int>
    /// Whether the learned embedding that asks to restate follows.
    package let hasLearnedPrompt: Bool
    /// The instruction to restate, or a question; may be empty.
    package let prompt: [Int32]
    /// The text or the answer, its end token included.
    package let target: [Int32]

    /// The order in the decoder is the order of the arguments.
    package init(softTokens: Range<Int>, hasLearnedPrompt: Bool = false, prompt: [Int32], target: [Int32]) {
        self.softTokens = softTokens
        self.hasLearnedPrompt = hasLearnedPrompt
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
    /// Rows that hold the learned prompt.
    let promptRows: [Int]

    /// Packs samples in order. A sample needs something in front of its target.
    package init(_ samples: [SoftPrompt]) {
        var (softRows, textRows): ([SoftRows], [TextRows]) = ([], [])
        var (rows, ids, promptRows): ([Int32], [Int32], [Int]) = ([], [], [])
        var start = 0
        for sample in samples {
            precondition(
                !sample.softTokens.isEmpty || sample.hasLearnedPrompt || !sample.prompt.isEmpty,
                "something has to predict the first target")
            let soft = start..<start + sample.softTokens.count
            let text = sample.prompt + sample.target.dropLast()
            softRows.append(SoftRows(rows: soft, softTokens: sample.softTokens))
            if sample.hasLearnedPrompt { promptRows.append(soft.upperBound) }
            let textStart = soft.upperBound + (sample.hasLearnedPrompt ? 1 : 0)
            textRows.append(TextRows(rows: textStart..<textStart + text.count, ids: text))
            let first = textStart + sample.prompt.count - 1
            rows += sample.target.indices.map { Int32(first + $0) }
            ids += sample.target
            start = textStart + text.count
        }
        self.samples = samples
        self.softRows = softRows
        self.textRows = textRows
        self.promptRows = promptRows
        sequences = SequenceLayout(
            lengths: zip(softRows, textRows).map { $1.rows.upperBound - $0.rows.lowerBound })
        targets = HeadTargets(rows: rows, ids: ids)
    }

    /// Throws unless every id and every position is one that the model has.
    package func check(_ model: LanguageModel) throws(ModelError) {
        try model.check(textRows.flatMap(\.ids) + targets.ids, sequences)
    }

    /// The targets of each sample.
    package var targetRanges: [Range<Int>] {
        var end = 0
        return samples.map { sample in
            defer { end += sample.target.count }
            return end..<end + sample.target.count
        }
    }

    /// Whether a model has as many positions.
    package func fits(_ model: LanguageModel) -> Bool {
        Int(sequences.positions.max() ?? 0) < model.contextLength
    }

    /// The same prompts and targets behind no soft tokens: what the decoder makes of the prompt alone. Nil when a
    /// sample has no prompt either.
    package var withoutSoftTokens: SoftPromptLayout? {
        guard samples.allSatisfy({ $0.hasLearnedPrompt || !$0.prompt.isEmpty }) else { return nil }
        return SoftPromptLayout(samples.map { $0.with(softTokens: 0..<0) })
    }

    /// The same prompts and targets, each behind the soft tokens of the sample before it: a memory of something else.
    /// Nil for a single sample.
    package var withWrongSoftTokens: SoftPromptLayout? {
        guard let last = samples.last, samples.count > 1 else { return nil }
        let others = [last] + samples.dropLast()
        return SoftPromptLayout(zip(samples, others).map { $0.with(softTokens: $1.softTokens) })
    }

    /// The same prompts and targets behind other tokens instead of soft ones: the text itself.
    package func reading(_ texts: [[Int32]]) -> SoftPromptLayout {
        SoftPromptLayout(
            zip(samples, texts).map {
                SoftPrompt(
                    softTokens: 0..<0, hasLearnedPrompt: false, prompt: $1 + $0.prompt, target: $0.target)
            })
    }
}

extension SoftPrompt {
    fileprivate func with(softTokens: Range<Int>) -> SoftPrompt {
        SoftPrompt(softTokens: softTokens, hasLearnedPrompt: hasLearnedPrompt, prompt: prompt, target: target)
    }
}
