import Compute
import ContextCompression
import JobModel
import Transformer

extension GMSAFinetuneTask {
    /// Teacher-forced loss and accuracy at every rate, beside the controls of a memory.
    package func evaluate(_ stop: StopSignal) throws -> [String: Double] {
        guard let evaluation else { return [:] }
        var means = MetricMeans()
        let count = min(evaluation.count, spec.evaluate.limit ?? .max)
        for start in stride(from: 0, to: count, by: spec.train.microbatch) {
            let rows = start..<min(start + spec.train.microbatch, count)
            for rate in objective.rates.measured {
                try score(rows, of: evaluation, rate: rate, into: &means)
                try stop.check()
            }
        }
        return means.values
    }

    private func score(
        _ rows: Range<Int>, of evaluation: QuestionRows, rate: Int, into means: inout MetricMeans
    ) throws {
        var batch = SoftPromptBatch(width: base.configuration.hiddenSize)
        let questions = try rows.map { try evaluation.question($0) }
        for (row, question) in zip(rows, questions) {
            let key = SoftTokenCache.Key(row: row, rate: rate)
            batch.append(question, try evaluationSoftTokens.softTokens(key, of: question.context))
        }
        let layout = try checked(batch)
        try decoder.run(batch.softTokens, layout, recording: .none, .statistics, workspace) { a, context in
            decoder.score(layout, a, context)
            means.record(a.scores, layout, rate: rate)
        }
        try MemoryControls(decoder: decoder, prompt: nil, workspace: workspace).record(
            layout, softTokens: batch.softTokens, texts: questions.map(\.context), rate: rate,
            isFirstRate: rate == objective.rates.measured.first, into: &means)
        let written = max(0, min(objective.generation.rows - rows.lowerBound, rows.count))
        guard written > 0 else { return }
        try WrittenAnswers(
            decoder: decoder, settings: objective.generation, codec: evaluation.codec, workspace: workspace
        ).recordAnswers(
            to: Array(questions.prefix(written)), softTokens: batch.prompts.prefix(written).map(batch.rows), rate: rate,
            into: &means)
    }
}
