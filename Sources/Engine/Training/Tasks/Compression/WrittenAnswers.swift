import Compute
import ContextCompression
import Datasets
import JobModel
import Transformer

/// What a decoder writes greedily behind soft tokens, as evaluations measure it beside teacher-forced scores.
struct WrittenAnswers {
    let decoder: SoftPromptDecoder
    let settings: GMSAGenerationSettings
    let codec: TextCodec
    let workspace: Workspace

    /// Free-running restorations against the texts.
    ///
    /// - Parameter softTokens: of each text, with a learned prompt at their end where there is one.
    func recordRestorations(
        of texts: [[Int32]], softTokens: [[Real]], prompt: [Int32], rate: Int, into means: inout MetricMeans
    ) throws {
        let written = try write(softTokens, prompts: Array(repeating: prompt, count: texts.count))
        for (written, text) in zip(written, texts) {
            let score = RestorationScore(written, reference: text, text: codec.decode)
            means.record("written_prefix_match@\(rate)", score.prefixMatch)
            means.record("written_exact@\(rate)", score.isExact ? 1 : 0)
            means.record("bleu@\(rate)", score.bleu)
        }
    }

    /// Free-running answers against all references of each question.
    func recordAnswers(
        to questions: [QuestionRows.Question], softTokens: [[Real]], rate: Int, into means: inout MetricMeans
    ) throws {
        for (written, question) in zip(try write(softTokens, prompts: questions.map(\.prompt)), questions) {
            let score = AnswerScore(codec.decode(written), references: question.references)
            means.record("exact_match@\(rate)", score.exactMatch)
            means.record("f1@\(rate)", settings.f1References == .max ? score.f1 : score.firstF1)
            means.record("substring@\(rate)", score.substring)
        }
    }

    /// The new tokens of each sample, without the end token.
    private func write(_ softTokens: [[Real]], prompts: [[Int32]]) throws -> [[Int32]] {
        var sampling = SamplingSettings.greedy
        sampling.repetitionPenalty = settings.repetitionPenalty
        let request = GenerationRequest(
            prompts: prompts, after: softTokens, maximumNewTokens: settings.maxNew, sampling: sampling,
            stopTokens: Set([codec.endOfSequence].compactMap { $0 }))
        let bytes = try decoder.model.generationByteCount(request, team: workspace.team)
        return try workspace.with(byteCount: bytes) {
            try decoder.model.generate(request, Pass(), $0).map(withoutEnd)
        }
    }

    private func withoutEnd(_ ids: [Int32]) -> [Int32] {
        ids.last != nil && ids.last == codec.endOfSequence ? Array(ids.dropLast()) : ids
    }
}
