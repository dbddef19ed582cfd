import Compute
import ContextCompression
import Transformer

extension MetricMeans {
    /// Loss and accuracy of targets that were predicted from soft tokens at one rate, teacher-forced, and what greedy
    /// writing would match: up to its first error it is the target itself, so both follow from the same scores.
    mutating func record(_ scores: HeadScores, _ layout: SoftPromptLayout, rate: Int) {
        let isRight = layout.targets.ids.indices.map { scores.maxima.tokens[$0] == layout.targets.ids[$0] }
        for (index, isRight) in isRight.enumerated() {
            let loss = -Double(scores.logProbabilities[index, 0])
            record("loss", loss)
            record("loss@\(rate)", loss)
            record("mean_token_accuracy@\(rate)", isRight ? 1 : 0)
        }
        for range in layout.targetRanges {
            let prefix = isRight[range].prefix { $0 }.count
            record("prefix_match@\(rate)", Double(prefix) / Double(range.count))
            record("exact@\(rate)", prefix == range.count ? 1 : 0)
        }
    }
}

/// What the same targets cost behind something else than their soft tokens. A memory that is used beats no memory, and
/// that of another text is no better than none; the text itself is what a compressor can come close to.
struct MemoryControls {
    let decoder: SoftPromptDecoder
    /// The learned prompt where there is one: 1 × hidden.
    let prompt: Matrix?
    let workspace: Workspace

    /// Records the loss behind no soft tokens, behind those of the sample before and behind the texts themselves, each
    /// where there is such a thing.
    ///
    /// - Parameters:
    ///   - softTokens: of all samples of the layout, end to end.
    ///   - rate: the one they were made at.
    ///   - texts: the contexts.
    ///   - isFirstRate: of several rates of the same samples, one measures what has no rate.
    func record(
        _ layout: SoftPromptLayout, softTokens: [Real], texts: [[Int32]], rate: Int, isFirstRate: Bool,
        into means: inout MetricMeans
    ) throws {
        if let wrong = layout.withWrongSoftTokens {
            try record("wrong_memory_loss@\(rate)", wrong, softTokens, into: &means)
        }
        guard isFirstRate else { return }
        if let nothing = layout.withoutSoftTokens { try record("no_memory_loss", nothing, [], into: &means) }
        let reading = layout.reading(texts)
        // Without words to ask there is no way to ask for a text that was read.
        if prompt == nil, reading.fits(decoder.model) { try record("text_loss", reading, [], into: &means) }
    }

    private func record(
        _ name: String, _ layout: SoftPromptLayout, _ softTokens: [Real], into means: inout MetricMeans
    ) throws {
        try decoder.run(softTokens, prompt: prompt, layout, recording: .none, [], workspace) { a, context in
            decoder.score(layout, a, context)
            for index in 0..<layout.targets.count {
                means.record(name, -Double(a.scores.logProbabilities[index, 0]))
            }
        }
    }
}

extension SoftPromptDecoder {
    /// Copies soft tokens into a pass's memory and runs forward.
    ///
    /// - Parameter softTokens: rows end to end.
    func run<Result>(
        _ softTokens: [Real], prompt: Matrix? = nil, _ layout: SoftPromptLayout, recording: DecoderStack.Recording,
        _ request: HeadRequest, _ workspace: Workspace, pass: Pass = Pass(),
        _ body: (SoftPromptDecoder.Activations, Context) throws -> Result
    ) throws -> Result {
        let width = model.configuration.hiddenSize
        return try workspace.with {
            (
                softTokens: $0.arena.matrix(softTokens.count / width, width),
                pass: activations(for: layout, recording: recording, request: request, $0)
            )
        } _: { memory, context in
            memory.softTokens.copy(elements: softTokens)
            forward(memory.softTokens, prompt: prompt, layout, memory.pass, pass, context)
            return try body(memory.pass, context)
        }
    }
}
