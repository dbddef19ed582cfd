import Compute
import ContextCompression
import JobModel
import Transformer

extension GMSAAutoencoderTask {
    /// Teacher-forced loss and accuracy at every rate, beside the controls of a memory.
    package func evaluate(_ stop: StopSignal) throws -> [String: Double] {
        guard let evaluation else { return [:] }
        var means = MetricMeans()
        let count = min(evaluation.count, spec.evaluate.limit ?? .max)
        for start in stride(from: 0, to: count, by: spec.train.microbatch) {
            let contexts = try (start..<min(start + spec.train.microbatch, count)).map { try evaluation.context($0) }
            let written = max(0, min(objective.generation.rows - start, contexts.count))
            for rate in objective.rates.measured {
                try score(contexts, written: written, rate: rate, into: &means)
                try stop.check()
            }
        }
        return means.values
    }

    /// - Parameter written: how many of the contexts are restored by free-running writing too.
    private func score(
        _ contexts: [[Int32]], written: Int, rate: Int, into means: inout MetricMeans
    ) throws {
        let batch = try packed(contexts.map { sample($0, rate: rate) })
        let softTokens = try workspace.with {
            autoencoder.activations(for: batch, recording: .none, request: .statistics, $0)
        } _: { a, context in
            autoencoder.forward(batch, a, Pass(), context)
            autoencoder.decoder.score(batch.decoding, a.decoder, context)
            means.record(a.decoder.scores, batch.decoding, rate: rate)
            return a.compressor.softTokens.elements
        }
        let controls = MemoryControls(
            decoder: autoencoder.decoder, prompt: autoencoder.prompt?.value, workspace: workspace)
        try controls.record(
            batch.decoding, softTokens: softTokens, texts: contexts, rate: rate,
            isFirstRate: rate == objective.rates.measured.first, into: &means)
        guard written > 0 else { return }
        let width = base.configuration.hiddenSize
        let rows = batch.groups.softTokens.prefix(written).map {
            Array(softTokens[$0.lowerBound * width..<$0.upperBound * width]) + (autoencoder.prompt?.value.elements ?? [])
        }
        try WrittenAnswers(
            decoder: autoencoder.decoder, settings: objective.generation, codec: windows.codec, workspace: workspace
        ).recordRestorations(
            of: Array(contexts.prefix(written)), softTokens: rows, prompt: instruction, rate: rate, into: &means)
    }
}
