package import Compute
package import Transformer

/// AdamW with clipping over a parameter store, for tests that follow an optimizer for a few steps.
package final class AdamWRun {
    /// Settings as the fixtures' indexes spell them.
    package struct Settings: Sendable {
        let learningRate, beta1, beta2, epsilon, weightDecay, clipNorm: Double
        package let steps: Int

        package init(_ hyper: JSONFields) throws {
            func number(_ key: String) throws -> Double { try hyper.number(key) ?? 0 }
            learningRate = try number("lr")
            beta1 = try number("beta1")
            beta2 = try number("beta2")
            epsilon = try number("eps")
            weightDecay = try number("weight_decay")
            clipNorm = try number("clip_norm")
            steps = try hyper.requiredCount("steps")
        }
    }

    private let store: ParameterStore
    private let settings: Settings
    private let first, second: RetainedMatrix
    private var step = 0

    package init(_ store: ParameterStore, _ settings: Settings) throws {
        self.store = store
        self.settings = settings
        func block() throws -> RetainedMatrix {
            let block = try Arena(byteCount: store.count * 8 + 64).retainedMatrix(1, store.count)
            block.matrix.fill(0)
            return block
        }
        first = try block()
        second = try block()
    }

    /// One step on the store's gradients; returns their norm before clipping.
    package func update(_ context: Context) -> Double {
        guard let gradients = store.gradients else { return 0 }
        step += 1
        let squares = gradients.doubles.reduce(0) { $0 + $1 * $1 }
        let norm = squares.squareRoot()
        let constants = AdamWStep(
            learningRate: settings.learningRate, beta1: settings.beta1, beta2: settings.beta2,
            epsilon: settings.epsilon, weightDecay: settings.weightDecay, step: step,
            gradientScale: min(1, settings.clipNorm / (norm + 1e-6)))
        for (range, decays) in [(store.decayingRange, true), (store.decayingRange.upperBound..<store.count, false)] {
            adamW(
                parameters: store.values.columns(range), gradients: gradients.columns(range),
                firstMoment: first.matrix.columns(range), secondMoment: second.matrix.columns(range), decays: decays,
                constants, context)
        }
        return norm
    }
}
