import Compute
import ContextCompression
import TestSupport
import Transformer

/// One pass of compressor and decoder over a batch, with memory of exactly the measured size.
final class CompressionRun {
    let autoencoder: Autoencoder
    let batch: CompressionBatch
    let pass: Pass
    let context: Context
    let activations: Autoencoder.Activations

    init(
        _ autoencoder: Autoencoder, _ samples: [CompressionSample], recording: DecoderStack.Recording = .full,
        pass: Pass = Pass(), team: ThreadTeam
    ) throws {
        let settings = autoencoder.compressor.settings
        let batch = try CompressionBatch(samples, remainder: settings.remainder, merge: settings.merge)
        try batch.check(autoencoder)
        func layOut(_ context: Context) -> Autoencoder.Activations {
            autoencoder.activations(for: batch, recording: recording, context)
        }
        let measure = Arena.measuring()
        _ = layOut(Context(arena: measure, team: team))
        self.autoencoder = autoencoder
        self.batch = batch
        self.pass = pass
        context = Context(arena: try Arena(byteCount: measure.highWaterMark), team: team)
        activations = layOut(context)
    }

    /// Soft tokens and scores of all targets.
    func forward() {
        autoencoder.forward(batch, activations, pass, context)
        autoencoder.decoder.score(batch.decoding, activations.decoder, context)
    }

    /// Mean over all targets after a forward pass.
    var meanLoss: Double {
        activations.decoder.scores.negativeLogLikelihood / Double(batch.decoding.targets.count)
    }

    /// Loss and compressor gradients of the mean over all targets; a forward pass comes first.
    func meanLossAndGradients() -> Double {
        autoencoder.compressor.parameters.zeroGradients(context.team)
        forward()
        return autoencoder.backward(
            batch, weight: Double(batch.decoding.targets.count), activations, pass, context)
    }

    /// Loss and decoder gradients, soft tokens being constants.
    func meanLossAndDecoderGradients() -> Double {
        autoencoder.decoder.model.parameters?.zeroGradients(context.team)
        forward()
        return autoencoder.decoder.backward(
            weight: Double(batch.decoding.targets.count), softTokenGradient: nil, batch.decoding, activations.decoder,
            pass, context)
    }

    var softTokens: Matrix { activations.compressor.softTokens }

    /// Logits of the rows that predict the targets.
    func targetLogits() throws -> [Double] {
        try logits(rows: batch.decoding.targets.rows)
    }

    /// Logits of some rows of the decoder.
    func logits(rows: [Int32]) throws -> [Double] {
        let head = autoencoder.decoder.model.head
        let logits = try Arena(byteCount: head.vocabularySize * 8 + 64).retainedMatrix(1, head.vocabularySize)
        return rows.flatMap { row in
            let hidden = activations.decoder.model.hidden.rows(Int(row)..<Int(row) + 1)
            head.logits(hidden, into: logits.matrix, context)
            return logits.matrix.doubles
        }
    }
}
